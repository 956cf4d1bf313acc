"""TR 36.777: numbers worked out by hand from Tables B-1 to B-3."""

from __future__ import annotations

import math

import pytest
import torch
from oracles_uav import tr36777

from phy.air_to_ground.tr36777 import (
    HEIGHTS,
    los_probability,
    mean_path_loss_db,
    path_losses_db,
    require_heights,
    shadowing_sigma_db,
)
from phy.tr38901.pathloss import free_space_db


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("model", "height_m", "distance_m", "base_m", "expected"),
    [("rma", 30, 1000, 35, (0.9087, 102.186, 107.976)), ("uma", 50, 200, 25, (0.9672, 84.717, 99.559))],
)
def test_anchors(
    model: str, height_m: float, distance_m: float, base_m: float, expected: tuple[float, float, float]
) -> None:
    distance_3d = math.hypot(distance_m, height_m - base_m)
    los = float(los_probability(model, number(distance_m), number(height_m)))
    losses = [float(loss) for loss in path_losses_db(model, 2e9, number(distance_3d), number(height_m))]
    assert los == pytest.approx(expected[0], abs=5e-5)
    assert losses == pytest.approx(expected[1:], abs=5e-4)


@pytest.mark.parametrize("model", ["rma", "uma", "umi"])
def test_formulas_are_those_of_plain_arithmetic(model: str) -> None:
    known = HEIGHTS[model]
    for height in (known.low_m + 0.5, min(known.los_m, 99.0) - 1.0, 0.5 * (known.low_m + min(known.los_m, 150.0))):
        for distance in (5.0, 80.0, 700.0, 4000.0):
            distance_3d = math.hypot(distance, height - 20.0)
            los = float(los_probability(model, number(distance), number(height)))
            losses = (float(x) for x in path_losses_db(model, 2e9, number(distance_3d), number(height)))
            assert (los, *losses) == pytest.approx(tr36777(model, height, distance, distance_3d), rel=1e-9)


def test_line_of_sight_jumps_in_the_standard_and_is_blended_here() -> None:
    """UMa-AV at 1 km: .853 just below 100 m, 1 above. Blended over 10 m it climbs without a jump, and is 1 at 100 m."""
    distance = number(1000.0)
    assert float(los_probability("uma", distance, number(100.0))) == pytest.approx(0.853, abs=5e-4)
    assert float(los_probability("uma", distance, number(100.001))) == 1.0
    height = torch.linspace(80.0, 120.0, 4001, dtype=torch.float64)
    blended = los_probability("uma", distance, height, 10.0)
    assert float(blended.diff().abs().max()) < 3e-4 and float(blended[2000]) == 1.0
    assert torch.equal(blended[height < 90.0], los_probability("uma", distance, height)[height < 90.0])


def test_uma_line_of_sight_undercuts_free_space_at_short_range() -> None:
    """28 + 22 lg d at 1 GHz against 32.45 + 20 lg d: below 10^(4.45/2) = 168 m the model loses less."""
    for distance, below in ((100.0, True), (160.0, True), (180.0, False), (1000.0, False)):
        los, _ = path_losses_db("uma", 2e9, number(distance), number(50.0))
        assert (float(los) < float(free_space_db(number(distance), 2e9))) is below
    los, _ = path_losses_db("umi", 2e9, number(20.0), number(50.0))
    assert float(los) >= float(free_space_db(number(20.0), 2e9))


def test_mean_loss_is_weighted_in_decibels() -> None:
    mean = float(mean_path_loss_db("rma", 2e9, number(1000.0), number(30.0), number(-5.0)))
    assert mean == pytest.approx(0.90874449 * 102.18603 + (1 - 0.90874449) * 107.97629, abs=1e-4)


def test_shadowing() -> None:
    for model, height, expected in (
        ("rma", 30.0, (4.2 * math.exp(-0.138), 6.0)),
        ("uma", 50.0, (4.64 * math.exp(-0.33), 6.0)),
        ("umi", 50.0, (5.0 * math.exp(-0.5), 8.0)),
        ("umi", 300.0, (2.0, 8.0)),
    ):
        assert [float(s) for s in shadowing_sigma_db(model, number(height))] == pytest.approx(expected)


def test_heights_outside_of_the_range_are_refused() -> None:
    require_heights("uma", 22.5, 300.0)
    with pytest.raises(ValueError, match=r"uma of TR 36.777 holds from 22.5 to 300 m"):
        require_heights("uma", 20.0, 100.0)
    with pytest.raises(ValueError, match=r"fly at 50 to 301 m"):
        require_heights("rma", 50.0, 301.0)
