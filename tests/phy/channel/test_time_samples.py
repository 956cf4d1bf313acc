"""All points in time follow from the few that are chosen, for rays of any shift, phase and number."""

from __future__ import annotations

import math

import pytest
import torch

from phy.channel.time_samples import time_samples


def ray(shift_hz: float, points: int, spacing_s: float) -> torch.Tensor:
    turns = shift_hz * spacing_s * torch.arange(points, dtype=torch.float64)
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)


@pytest.mark.parametrize(("shift_hz", "points"), [(0.0, 200), (9.73, 50), (19.46, 200), (40.0, 200), (1.0, 1)])
@pytest.mark.parametrize("error", [1e-3, 1e-7, 1e-14])
def test_a_ray_of_any_shift_follows_from_the_points(shift_hz: float, points: int, error: float) -> None:
    samples = time_samples(shift_hz, points, 1e-3, error)
    assert samples.error <= error
    assert samples.point.tolist() == sorted(set(samples.point.tolist()))
    for share in torch.linspace(-1, 1, 37).tolist():
        wanted = ray(share * shift_hz, points, 1e-3)
        found = samples.weight.to(wanted.dtype) @ wanted[samples.point]
        assert float((found - wanted).abs().max()) <= 1.1 * error + 1e-14


def test_points_are_few_where_shifts_are_slow_and_all_where_they_are_quick() -> None:
    counts = [len(time_samples(shift_hz, 100, 1e-3, 1e-7).point) for shift_hz in (0.0, 5.0, 20.0, 100.0, 500.0)]
    assert counts[0] == 1 and counts == sorted(counts) and counts[-1] == 100
    assert counts[2] < 100 / 6


def test_the_points_themselves_are_kept_as_they_are() -> None:
    samples = time_samples(20.0, 64, 1e-3, 1e-7)
    assert torch.equal(samples.weight[samples.point], torch.eye(len(samples.point), dtype=torch.float64))
