"""Metrics of an uplink: means of watts and ratios of sums, in dB where they are told, by group."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mac.engine.metrics import uplink
from mac.engine.uplink_power import ARRAY_SPECS, COUNTERS
from mac.metrics.registry import metric_table

# One drop, two windows, three users; the last one never sends. Slots of 1 ms.
COUNTED = {
    "transmit_j": [[0.1e-3, 4e-3, 0], [0.1e-3, 16e-3, 0]],
    "sent_slots": [[1, 40, 0], [1, 60, 0]],
    "limited_slots": [[0, 30, 0], [1, 20, 0]],
    "sent_prbs": [[2, 100, 0], [2, 96, 0]],
    "thermal_rise": [[8, 1000, 0], [8, 984, 0]],
    "served_bits": [[500, 9000, 0], [500, 10_000, 0]],
}


@pytest.fixture
def windows() -> xr.Dataset:
    arrays = {name: (("drop", "window", "user"), np.array([values], dtype=float)) for name, values in COUNTED.items()}
    groups = {"group": ("user", ["near", "far", "far"])}
    return xr.Dataset(arrays, coords=groups, attrs={"slot_s": 1e-3, "window_s": 0.1})


def test_by_hand(windows: xr.Dataset) -> None:
    assert set(COUNTERS) == set(ARRAY_SPECS) == set(COUNTED) - {"served_bits"}
    power = uplink.transmit_power(windows)  # 0.1 W and 0.2 W
    expected = {"": 0.15, "near": 0.1, "far": 0.2}
    assert {name: float(v[0]) for name, v in power.items()} == pytest.approx(
        {name: 10 * np.log10(watts) + 30 for name, watts in expected.items()}
    )
    rise = uplink.interference_over_thermal(windows)  # 2000 / 200, 16 / 4, 1984 / 196
    assert [float(rise[name][0]) for name in ("", "near")] == pytest.approx([10.0, 10 * np.log10(4)])
    limited = uplink.limited_share(windows)
    assert [float(limited[name][0]) for name in ("", "near", "far")] == pytest.approx([0.5, 0.5, 0.5])
    energy = uplink.user_energy_per_bit(windows)
    assert [float(energy[name][0]) for name in ("", "near")] == pytest.approx([20.2e3 / 20e3, 0.2e3 / 1e3])


def test_rows_and_users_that_never_send(windows: xr.Dataset) -> None:
    names = ["transmit_power", "limited_share", "interference_over_thermal", "user_energy_per_bit"]
    assert len(metric_table(windows, names)) == 4 * 3
    silent = windows.isel(user=[2])
    assert metric_table(silent, names)["value"].isna().all()
    assert metric_table(windows.drop_vars("transmit_j"), ["transmit_power"]).empty
