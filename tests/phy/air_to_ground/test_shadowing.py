"""Shadowing of links: plain loops, moments and correlation over many drops."""

from __future__ import annotations

import math

import pytest
import torch

from phy.air_to_ground.probabilistic_los import ENVIRONMENTS, los_probability, shadowing_sigma_db
from phy.air_to_ground.settings import AirToGroundSettings
from phy.air_to_ground.shadowing import draw_shadowing
from phy.random import Drops

KEYS = Drops(3, tuple(range(2000))).keys("test")
UAV = torch.tensor([[100.0, 200.0, 80.0], [150.0, 200.0, 80.0], [100.0, 200.0, 80.0]], dtype=torch.float64)
GROUND = torch.tensor([[300.0, 400.0], [300.0, 425.0], [900.0, 900.0]], dtype=torch.float64)


def at(keys: torch.Tensor, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    drops = len(keys)
    return draw_shadowing(keys, 50.0).at(UAV.expand(drops, -1, -1).to(dtype), GROUND.expand(drops, -1, -1).to(dtype))


def test_plain_loops() -> None:
    waves = draw_shadowing(KEYS[:1], 50.0)
    for v, uav in enumerate(UAV.tolist()):
        for p, ground in enumerate(GROUND.tolist()):
            total = 0.0
            for w in range(waves.phase_rad.shape[1]):
                angle = float(waves.phase_rad[0, w])
                angle += sum(float(k) * x for k, x in zip(waves.uav_rad_m[0, w], uav, strict=True))
                angle += sum(float(q) * x for q, x in zip(waves.ground_rad_m[0, w], ground, strict=True))
                total += math.cos(angle)
            expected = math.sqrt(2.0 / waves.phase_rad.shape[1]) * total
            assert float(at(KEYS[:1])[0, v, p]) == pytest.approx(expected, abs=1e-9)


def test_moments_and_correlation_at_either_end() -> None:
    """Of 2,000 drops the mean, variance and correlation of normal numbers have errors of 0.02 to 0.03."""
    links = at(KEYS)
    assert links.mean(0).abs().max() < 0.1
    assert (links.var(0) - 1.0).abs().max() < 0.15
    assert torch.equal(links[:, 0], links[:, 2]), "two UAVs at one place"
    one = links[:, 0, 0]
    expected = {(1, 0): math.exp(-1.0), (0, 1): math.exp(-0.5), (1, 1): math.exp(-1.5), (0, 2): 0.0}
    for (v, p), value in expected.items():
        assert float((one * links[:, v, p]).mean()) == pytest.approx(value, abs=0.1), (v, p)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_drop_has_the_same_bits_in_any_batch(dtype: torch.dtype) -> None:
    assert torch.equal(at(KEYS[:9], dtype)[7:8], at(KEYS[7:8], dtype))


def test_standard_deviation_is_mixed_by_line_of_sight() -> None:
    settings = AirToGroundSettings(shadowing_los_db=2.0, shadowing_nlos_db=8.0)
    elevation = torch.tensor([0.1, 0.6, 1.5], dtype=torch.float64)
    los = los_probability(ENVIRONMENTS["urban"], torch.rad2deg(elevation)).tolist()
    expected = [math.sqrt(p * 4.0 + (1.0 - p) * 64.0) for p in los]
    assert shadowing_sigma_db(settings, elevation).tolist() == pytest.approx(expected)
