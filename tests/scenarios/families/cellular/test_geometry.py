"""Where cells and UEs are, how well UEs hear their cell, which cell serves them: against loops; and the plots of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection

from phy.random import Drops
from scenarios import Result, families, load, run
from scenarios.families.cellular.geometry import geometry_db
from scenarios.families.cellular.plots import plot_map, plot_mobility, plot_sinr_cdf
from scenarios.plots.figures import applicable_plots

SMALL: dict[str, Any] = {
    "drops": 2, "duration_s": 0.6, "warmup_s": 0.1, "window_s": 0.1, "topology.sectors": 1, "topology.isd_m": 100,
    "carrier.prbs": 4, "topology.min_distance_m": 10,
    "users.car.mobility": {"model": "linear", "min_speed_kmh": 500, "max_speed_kmh": 500},
    "allocators": ["round_robin"],
}  # fmt: skip


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(
        load("mobility-macro", **SMALL), out=tmp_path_factory.mktemp("moving") / "run", progress=False, plots=False
    )


def test_sinr_at_full_load_by_loops() -> None:
    snr = torch.tensor([[[4.0, 1.0, 0.5], [0.0, 3.0, 3.0]]])
    seen = geometry_db(snr, torch.tensor([[0, 2]]))
    for user, cell in enumerate((0, 2)):
        others = sum(float(snr[0, user, c]) for c in range(3) if c != cell)
        assert seen[0, user] == pytest.approx(10 * math.log10(float(snr[0, user, cell]) / (others + 1.0)))


def test_tracks_are_the_positions_of_the_engine(moving: Result) -> None:
    windows = moving.to_xarray("round_robin")
    scenario = moving.settings
    problem = families.find("scheduling").build(
        scenario, Drops(scenario.seed, (1,)), torch.device("cpu"), torch.float32
    )
    (drop,) = problem.engine.parts.channel.fading.moving_drops
    times = torch.tensor([0.1 + 0.1 * (window + 1) for window in range(6)], dtype=torch.float64)
    way = drop.position_m(times)[0].transpose(0, 1).numpy()  # not wrapped
    track = np.stack([windows.sel({"drop": 1})[f"track_{axis}_m"].to_numpy() for axis in "xy"], axis=-1)
    near = np.linalg.norm(way[..., :2] - track, axis=-1) < 1e-2
    assert near.mean() > 0.5  # the others are wrapped into the cluster
    assert np.abs(track).max() < 400
    start = drop.start_m[0].numpy()
    same = np.hypot(
        windows.sel({"drop": 1})["user_x_m"] - start[:, 0], windows.sel({"drop": 1})["user_y_m"] - start[:, 1]
    )
    assert float((same < 1e-6).mean()) > 0.8


def test_serving_cells_change_as_often_as_handovers_say(moving: Result) -> None:
    windows = moving.to_xarray("round_robin")
    serving = windows["serving_cell"].transpose("drop", "window", "user").to_numpy()
    changes = (np.diff(serving, axis=1) != 0).sum()
    handovers = windows["handovers"].sum() + windows["radio_link_failures"].sum() + windows["handover_failures"].sum()
    assert 0 < changes <= float(handovers)  # several within a window show as one


def test_plots_of_a_network_that_moves(moving: Result) -> None:
    assert {"map", "sinr_cdf", "mobility", "delay_cdf"} <= set(applicable_plots(moving))
    dots = [c for c in plot_map(moving).axes[0].collections if isinstance(c, PathCollection)]
    assert sum(len(c.get_offsets()) for c in dots) == moving.to_xarray("round_robin").sizes["user"]
    curves = plot_sinr_cdf(moving).axes[0].get_lines()
    assert len(curves) == 3 and sum(len(line.get_xdata()) - 1 for line in curves) == 2 * 21
    ways, bars = plot_mobility(moving).axes
    shown = [label.get_text() for label in bars.get_yticklabels()]
    assert len(shown) == 9 and {label.split()[0] for label in shown} == {"foot", "bicycle", "car"}
    assert len(bars.patches) >= 9 and len(ways.get_lines()) > 18


def test_a_network_that_stands_has_no_plot_of_mobility_and_an_uplink_no_sinr(tmp_path: Any) -> None:
    short = {"drops": 1, "duration_s": 0.02, "warmup_s": 0, "window_s": 0.01, "topology.sites": 1, "carrier.prbs": 4}
    down = run(
        load("scheduling-macro", **short, allocators=["round_robin"]),
        out=tmp_path / "down",
        progress=False,
        plots=False,
    )
    assert "map" in applicable_plots(down) and "mobility" not in applicable_plots(down)
    up = run(
        load("uplink-macro", **short, allocators=["round_robin"]), out=tmp_path / "up", progress=False, plots=False
    )
    assert not {"map", "sinr_cdf", "mobility", "delay_cdf"} & set(applicable_plots(up))
