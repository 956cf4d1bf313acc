"""Satisfaction in the zone of tolerance is that of the general metric, and its inverse gives it back."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mac.metrics.satisfaction import zone_of_tolerance
from mac.personalized import Zones
from mac.personalized.needs import Needs
from mac.personalized.settings import PersonalizedSettings, ZoneSettings
from phy.random import Drops

ZONES = Zones(torch.tensor([[1e6, 2e5, 3e6]]).double(), torch.tensor([[2e6, 2.1e5, 9e6]]).double())


@pytest.mark.parametrize("shape", ["linear", "logistic"])
def test_satisfaction_is_that_of_the_metric(shape: Literal["linear", "logistic"]) -> None:
    for rate in (0.0, 2.05e5, 1.3e6, 4e6, 1e8):
        ours = ZONES.satisfaction(torch.full((1, 3), rate).double(), shape).numpy()
        ends = (ZONES.adequate_bps.numpy(), ZONES.desired_bps.numpy())
        theirs = zone_of_tolerance(np.full((1, 3), rate), np.full((1, 3), 1e12), *ends, logistic=shape == "logistic")
        assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("shape", "target"), [("linear", 0.3), ("linear", 1.0), ("logistic", 0.1), ("logistic", 0.97)])
def test_the_needed_rate_gives_the_target(shape: Literal["linear", "logistic"], target: float) -> None:
    needed = ZONES.needed_bps(target, shape)
    assert ZONES.satisfaction(needed, shape).numpy() == pytest.approx(target, abs=1e-12)
    assert bool((ZONES.satisfaction(0.999 * needed, shape) < target).all())


def test_the_logistic_shape_goes_through_its_two_points() -> None:
    assert ZONES.satisfaction(ZONES.adequate_bps, "logistic").numpy() == pytest.approx(0.1)
    assert ZONES.needed_bps(0.9, "logistic").numpy() == pytest.approx(ZONES.desired_bps.numpy())


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"shape": "logistic", "target": 1.0}, "reached at no finite rate"),
        ({"trait_weights": (0.0, 0.0)}, "trait_weights are all 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        PersonalizedSettings(**bad)  # type: ignore[arg-type]


def test_an_adequate_rate_above_the_desired_one_is_refused() -> None:
    with pytest.raises(ValidationError, match="adequate_bps is 2e\\+06 and desired_bps 1e\\+06"):
        ZoneSettings(2e6, 1e6)


def test_needs_follow_traits_and_are_the_same_in_any_batch() -> None:
    settings, group = [ZoneSettings(1e6, 2e6, 0.5, 0.0), ZoneSettings(3e6, 4e6, 0.0, 0.0)], torch.tensor([0, 0, 1])
    needs = Needs(Drops(3, (0, 5)), settings, group, (2.0, -1.0), torch.device("cpu"))
    traits = needs.traits(4)
    zones = needs.zones(traits)
    for drop in range(2):
        for ue in range(2):
            first, second = traits[drop, ue].tolist()
            told = (2 * (2 * first - 1) - (2 * second - 1)) / 3
            assert float(zones.adequate_bps[drop, ue]) == pytest.approx(1e6 * math.exp(0.5 * told))
        assert float(zones.desired_bps[drop, 2]) == 4e6
    assert torch.equal(needs.traits(5)[..., 0], traits[..., 0]) and not torch.equal(needs.traits(5), traits)
    alone = Needs(Drops(3, (5,)), settings, group, (2.0, -1.0), torch.device("cpu"))
    assert torch.equal(alone.zones(alone.traits(4)).desired_bps[0], zones.desired_bps[1])
