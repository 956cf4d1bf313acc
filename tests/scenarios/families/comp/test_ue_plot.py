"""The plot of ten seconds of one UE shows the windows around its outage, and what it paid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from scenarios.families.comp.ue_plot import plot_ue

WINDOWS, WINDOW_S = 150, 0.1


@pytest.fixture(scope="module")
def run() -> Any:
    """Fifteen seconds of two UEs; the second one is in outage in windows 100 to 109, buys, and is handed over."""
    broken = np.zeros((1, WINDOWS, 2))
    broken[0, 100:110, 1] = 0.1
    cell = np.zeros((1, WINDOWS, 2), dtype=int)
    cell[0, 108:, 1] = 3
    of_user = ("drop", "window", "user")
    values = {
        "outage_s": broken,
        "other_cell_bits": broken * 2e6,
        "served_bits": 1e5 + broken * 2e6,
        "demand_bits": np.full(broken.shape, 3e5),
        "packets": np.ones(broken.shape),
        "delay_s": np.full(broken.shape, 0.01),
        "serving_sinr_db": 5.0 - 80.0 * broken,
        "paid": broken * 5.0,
        "budget": broken * 10.0,
    }
    dataset = xr.Dataset(
        {name: (of_user, value) for name, value in values.items()},
        {
            "drop": [4],
            "time_s": ("window", (1 + np.arange(WINDOWS)) * WINDOW_S),
            "serving_cell": (of_user, cell),
            "group": ("user", ["foot", "car"]),
            "sla_rate_bps": ("user", [2e6, 2e6]),
        },
        {"window_s": WINDOW_S},
    )
    return SimpleNamespace(
        variants=["everything"],
        allocators=["bargaining"],
        scenario={"comp": {"outage_db": 0.0}},
        to_xarray=lambda allocator, variant=None: dataset,
    )


def test_ten_seconds_around_the_outage_are_drawn(run: Any) -> None:
    figure = plot_ue(run)
    panels = figure.axes
    assert (
        len(panels) == 5
        and figure.get_suptitle() == "10 s of UE 1 (group car) of drop 4: bargaining, variant everything"
    )
    low, high = panels[-1].get_xlim()
    assert (low, high) == (pytest.approx(5.0), pytest.approx(15.0))
    paid = panels[3].patches
    assert max(float(np.nanmax(patch.get_data().values)) for patch in paid if hasattr(patch, "get_data")) == 1.0
    assert panels[-1].get_ylabel().endswith("kept in 10%")


def test_a_run_that_is_shorter_is_drawn_as_a_whole(run: Any) -> None:
    short = SimpleNamespace(**vars(run))
    short.to_xarray = lambda allocator, variant=None: run.to_xarray(allocator).isel({"window": slice(95, 120)})
    assert plot_ue(short).axes[-1].get_xlim() == (pytest.approx(9.5), pytest.approx(12.0))
