"""Measurements: errors of the stated size, and a filter that forgets as fast as the standard's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from mac.handover.measurements import Measurements, error_table, first, sample_db, update
from mac.handover.settings import MeasurementSettings
from phy.random import Drops

CPU = torch.device("cpu")


def test_errors_are_normal_and_keyed() -> None:
    drops = Drops(1, (0, 5))
    table = error_table(MeasurementSettings(error_db=2.0), CPU, torch.float64)
    rsrp = torch.full((2, 300, 21), -90.0, dtype=torch.float64)
    keys = drops.keys("measurement")
    samples = torch.stack([sample_db(keys, rsrp, number, table) for number in range(8)])
    error = samples + 90.0
    assert float(error.std()) == pytest.approx(2.0, rel=0.01)
    assert stats.kstest(error.flatten()[::7].numpy() / 2.0, "norm").pvalue > 1e-3
    flat = error.flatten(1)
    assert (torch.corrcoef(flat) - torch.eye(8)).abs().max() < 0.04  # each sample is fresh
    alone = sample_db(Drops(1, (5,)).keys("measurement"), rsrp[1:], 3, table)
    assert torch.equal(alone[0], samples[3, 1])


def test_the_filter_is_the_standards_at_its_own_rate() -> None:
    """k = 4 halves at each sample of 200 ms; k = 0 does not filter."""
    assert MeasurementSettings(period_ms=200.0, filter_coefficient=4).weight == 0.5
    assert MeasurementSettings(period_ms=200.0, filter_coefficient=8).weight == 0.25
    assert MeasurementSettings(period_ms=40.0, filter_coefficient=0).weight == 1.0


@pytest.mark.parametrize("k", [1, 4, 9, 13, 19])
@pytest.mark.parametrize("period_ms", [5.0, 40.0, 200.0, 400.0])
def test_the_filter_forgets_as_fast_at_any_rate(k: Any, period_ms: float) -> None:
    settings = MeasurementSettings(period_ms=period_ms, filter_coefficient=k)
    state = first(torch.zeros((1, 1, 1), dtype=torch.float64))
    for _ in range(round(2000.0 / period_ms)):
        state = update(state, torch.ones((1, 1, 1), dtype=torch.float64), settings.weight)
    standard = 1.0 - (1.0 - 0.5 ** (k / 4.0)) ** 10  # ten samples of 200 ms
    assert float(state.filtered_db) == pytest.approx(standard, abs=1e-9)
    assert state.samples == 1 + round(2000.0 / period_ms)


def test_the_filter_is_the_recursion() -> None:
    settings = MeasurementSettings()
    values = [-80.0, -83.0, -79.0, -90.0]
    state = first(torch.tensor([[[values[0]]]], dtype=torch.float64))
    expected = values[0]
    for value in values[1:]:
        state = update(state, torch.tensor([[[value]]], dtype=torch.float64), settings.weight)
        expected = (1.0 - settings.weight) * expected + settings.weight * value
    assert isinstance(state, Measurements)
    assert float(state.filtered_db) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"filter_coefficient": 10}, "Input should be 0, 1, 2"),
        ({"period_ms": 0.0}, "greater than or equal to 1"),
        ({"error_db": -1.0}, "greater than or equal to 0"),
        ({"error_db": math.inf}, "finite"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MeasurementSettings(**settings)
