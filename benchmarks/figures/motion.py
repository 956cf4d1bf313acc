"""Draws the figures of docs/models/mobility-handover-blockage.md: trajectories in a hexagonal network, and the levels
and cells of a UE on its path.

python -m benchmarks.figures.motion [--folder docs/images]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from mac.handover import a3, measurements
from mac.handover.serving_plan import LinkMonitor
from mac.handover.settings import HandoverSettings, MeasurementSettings
from phy.antenna.element import SectorAntennaSettings
from phy.blockage import BlockageEvent, ScriptedSettings, build_script, scripted_loss_db
from phy.mobility import (
    GaussMarkov,
    Linear,
    Manhattan,
    MobilityModel,
    RandomWaypoint,
    RectangleSettings,
    Trajectory,
    area_of,
    trajectories,
    wrap_position,
)
from phy.random import Drops
from phy.topology.sites import Topology, TopologySettings, build_topology
from phy.topology.users import place_per_cell
from phy.tr38901.large_scale import LargeScalePlan, draw_large_scale_model
from phy.tr38901.settings import PropagationSettings

DROP = Drops(3, (0,))
TOPOLOGY = build_topology(TopologySettings(sectors=1))
MODELS: dict[str, MobilityModel] = {
    "linear": Linear(min_speed_kmh=30.0, max_speed_kmh=120.0),
    "waypoint": RandomWaypoint(min_speed_kmh=20.0, max_speed_kmh=90.0, reach_m=250.0),
    "manhattan": Manhattan(min_speed_kmh=30.0, max_speed_kmh=50.0, block_x_m=120.0, block_y_m=200.0),
    "gauss_markov": GaussMarkov(speed_kmh=30.0, deviation_kmh=20.0, alpha=0.9),
}
CORNER = RectangleSettings(west_m=60.0, south_m=-200.0, east_m=130.0, north_m=200.0)


def hexagons(axes: Axes, topology: Topology) -> None:
    """Computes the outlines of the cells."""
    turn = np.radians(np.arange(0, 361, 60))
    for x, y, _ in topology.site_m.tolist():
        reach = topology.isd_m / np.sqrt(3.0)
        axes.plot(x + reach * np.cos(turn), y + reach * np.sin(turn), color="0.75", linewidth=0.8)
        axes.plot(x, y, "^", color="0.4", markersize=5)
    axes.set_aspect("equal")
    axes.set_xlabel("x (m)")


def walks(folder: Path) -> None:
    """Draws one panel a model: positions of three UEs within two minutes, wrapped into the cluster."""
    start = place_per_cell(DROP.keys("placement"), TOPOLOGY, 1, 35.0, 1.5)[0][:, :3]
    figure, panels = plt.subplots(1, len(MODELS), figsize=(13, 3.8), sharey=True, layout="constrained")
    for axes, (name, model) in zip(panels, MODELS.items(), strict=True):
        hexagons(axes, TOPOLOGY)
        path = trajectories(DROP, model, start, area_of(TOPOLOGY), 120.0)
        place = wrap_position(TOPOLOGY, path.position_m(torch.linspace(0.0, 120.0, 2401)))[0]
        for number, user in enumerate(place.numpy()):
            jump = np.hypot(*np.diff(user[:, :2], axis=0).T) > 100.0
            user[:-1][jump] = np.nan  # no line across the fold
            axes.plot(user[:, 0], user[:, 1], linewidth=1.4, color=f"C{number}")
            axes.plot(*user[0, :2], "o", markersize=4, color=f"C{number}")
        axes.set_title(name)
    panels[0].set_ylabel("y (m)")
    figure.savefig(folder / "motion-walks.png", dpi=100)
    plt.close(figure)


def levels(path: Trajectory, t_s: Tensor) -> Tensor:
    """Computes the RSRP of every cell along the path of one UE in dB ``[T, C]``, less the loss of a script."""
    plan = LargeScalePlan(TOPOLOGY, PropagationSettings(los="never"), SectorAntennaSettings(kind="omni"), 1)
    model = draw_large_scale_model(DROP, plan)
    event = BlockageEvent(loss_db=25.0, rectangle=CORNER, transition_m=4.0, cells=(0,))
    script = build_script(ScriptedSettings(events=(event,)), TOPOLOGY, ["user"])
    way, rows = path.position_m(t_s), []
    for number, now in enumerate(t_s.tolist()):
        place = wrap_position(TOPOLOGY, way[:, :, number])
        rows.append(model.at(place, way[:, :, number]).gain_db[0, 0] - scripted_loss_db(script, place, now)[0, 0])
    return torch.stack(rows)


def walk(folder: Path) -> None:
    """Draws levels, filtered levels and serving cell of a UE that passes a corner and then other cells."""
    period_s, duration_s = 0.04, 60.0
    settings, rule = (
        MeasurementSettings(error_db=2.0, filter_coefficient=4),
        a3.rules(HandoverSettings(), 7, 1e-3, torch.device("cpu")),
    )
    path = trajectories(
        DROP,
        Linear(min_speed_kmh=50.0, max_speed_kmh=50.0, heading_deg=20.0),
        torch.tensor([[[-50.0, 40.0, 1.5]]]),
        area_of(TOPOLOGY),
        duration_s,
    )
    t_s = torch.arange(0.0, duration_s, period_s, dtype=torch.float64)
    level = levels(path, t_s)
    table = measurements.error_table(settings, torch.device("cpu"), torch.float64)
    keys = DROP.keys("measurement")
    measured = measurements.first(measurements.sample_db(keys, level[None, :1], 0, table))
    state, monitor = a3.start(measured.filtered_db), LinkMonitor(rule.settings, settings)
    serving, filtered = [], []
    happened: list[tuple[float, bool]] = []
    for number, now in enumerate(level):
        if number:
            sample = measurements.sample_db(keys, now[None, None], number, table)
            measured = measurements.update(measured, sample, settings.weight)
        monitor.add(10.0 ** (now[None] / 10.0) / 1e-13)
        sinr = monitor.sinr_of(state.serving)
        state, counts = a3.update(state, measured.filtered_db, sinr, round(number * 40), rule)
        serving.append(int(state.serving))
        filtered.append(measured.filtered_db[0, 0])
        if counts[[0, 2, 3]].any():
            happened.append((number * period_s, bool(counts[0].any())))
    _draw_walk(folder, t_s.numpy(), level.numpy(), torch.stack(filtered).numpy(), np.array(serving), happened)


def _draw_walk(
    folder: Path,
    t_s: np.ndarray,
    level: np.ndarray,
    filtered: np.ndarray,
    serving: np.ndarray,
    happened: list[tuple[float, bool]],
) -> None:
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, height_ratios=(4, 1), layout="constrained")
    for cell in range(level.shape[1]):
        above.plot(t_s, level[:, cell], color=f"C{cell}", linewidth=0.7, alpha=0.45)
        above.plot(t_s, filtered[:, cell], color=f"C{cell}", linewidth=1.5, label=f"cell {cell}")
        below.fill_between(t_s, 0, 1, where=serving == cell, color=f"C{cell}", step="post", linewidth=0)
    for when, well in happened:
        above.axvline(when, color="0.3" if well else "red", linewidth=1.0, linestyle=":" if well else "--")
    above.set_ylabel("coupling gain (dB)")
    above.legend(ncols=4, fontsize=8, loc="lower left")
    below.set_yticks([])
    below.set_ylabel("serving")
    below.set_xlabel("time (s)")
    figure.savefig(folder / "motion-handover.png", dpi=100)
    plt.close(figure)


def main() -> None:
    """Draws all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    walks(folder)
    walk(folder)


if __name__ == "__main__":
    main()
