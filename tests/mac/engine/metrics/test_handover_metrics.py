"""Metrics of handovers: ratios of sums over users, by group, NaN where nothing happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mac.engine.metrics import handover
from mac.handover.a3 import ARRAY_SPECS, COUNTERS, UNSERVED

# Two drops, two windows of 30 s, three users; only the first drop has any handover.
COUNTS = {
    "handovers": [[3, 0, 1], [2, 0, 0]],
    "ping_pongs": [[1, 0, 0], [1, 0, 0]],
    "handover_failures": [[0, 2, 0], [0, 0, 0]],
    "radio_link_failures": [[0, 0, 1], [0, 0, 1]],
    "interruption_s": [[0.12, 0.4, 0.24], [0.08, 0.0, 0.2]],
    "stay_s": [[9.0, 11.0, 12.0], [8.0, 0.0, 20.0]],
}


def dataset() -> xr.Dataset:
    arrays = {
        name: (("drop", "window", "user"), np.stack([np.array(rows, dtype=float), np.zeros((2, 3))]))
        for name, rows in COUNTS.items()
    }
    groups = np.array(["car", "foot", "foot"])
    return xr.Dataset(arrays, coords={"drop": [0, 1], "group": ("user", groups)}, attrs={"window_s": 30.0})


def test_every_counter_is_described() -> None:
    assert tuple(ARRAY_SPECS) == (*COUNTERS, UNSERVED) and tuple(COUNTS) == COUNTERS


@pytest.mark.parametrize(
    ("metric", "every_user", "car", "foot"),
    [
        (handover.handover_rate, 2.0, 5.0, 0.5),
        (handover.ping_pong_share, 2 / 6, 2 / 5, 0.0),
        (handover.handover_failure_share, 2 / 8, 0.0, 2 / 3),
        (handover.link_failure_rate, 4 / 3, 0.0, 2.0),
        (handover.interruption_share, 1.04 / 180, 0.2 / 60, 0.84 / 120),
        (handover.stay_mean, 60 / 10, 17 / 5, 43 / 5),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_values(metric: Any, every_user: float, car: float, foot: float) -> None:
    values = metric(dataset())
    assert [values[name][0] for name in ("", "car", "foot")] == pytest.approx([every_user, car, foot])
    quiet = values[""][1]
    rates = (handover.handover_rate, handover.link_failure_rate, handover.interruption_share)
    assert quiet == 0.0 if metric in rates else math.isnan(quiet)
