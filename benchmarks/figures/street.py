"""Draws the SINR of a UE of docs/models/mobility-handover-blockage.md's scenario along its street, round a corner that
blocks the nearest site.

python -m benchmarks.figures.street [--folder docs/images]

As in a run: the channel with its fading, blockage and handovers, every cell at full load.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from torch import Tensor

from mac.engine.engine import Engine
from phy.channel.moving import MovingFading
from phy.random import Drops
from scenarios import load
from scenarios.families import find
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular.scenario import CellularScenario
from scenarios.families.cellular.shape import Shape

TRACK = "user,time_s,x_m,y_m\nann,0,30,20\nann,4,74,20\n"
CORNER = {"west_m": 50, "south_m": 0, "east_m": 90, "north_m": 60}
EVENT: dict[str, Any] = {"loss_db": 25, "rectangle": CORNER, "transition_m": 4, "cells": [0]}
SCENARIO: dict[str, Any] = {
    "name": "street",
    "family": "scheduling",
    "duration_s": 4,
    "drops": 1,
    "allocators": ["proportional_fair"],
    "topology": {"sites": 7, "sectors": 1, "isd_m": 200, "min_distance_m": 10, "bs_height_m": 10},
    "propagation": {"model": "umi", "carrier_hz": 3.5e9, "indoor_share": 0},
    "carrier": {"prbs": 12, "tx_power_dbm": 46},
    "channel": {"update_s": 0.04},
    "handover": {},
    "users": [{"name": "walkers", "traffic": {"model": "full_buffer"}}],
}


def engine_of(blocked: bool, folder: Path) -> Engine:
    """Builds the engine that a run has, with or without the corner."""
    (folder / "street.csv").write_text(TRACK)
    mobility = {"model": "replay", "file": str(folder / "street.csv"), "if_fewer": "cycle"}
    blockage = [{"model": "scripted", "events": [EVENT]}] if blocked else []
    case = load(SCENARIO, blockage=blockage, **{"users.walkers.mobility": mobility})
    assert isinstance(case, CellularScenario)
    shape = Shape(find("scheduling").clock(case), 1, (0,))
    return engine_factory.engine(case, Drops(1, (0,)), shape, torch.device("cpu"), torch.float64)


def along(engine: Engine) -> tuple[Tensor, Tensor, Tensor]:
    """Computes for UE 0 in every slot the SINR over the carrier in dB with fading and without, and its cell, each
    ``[T]``.
    """
    plan, fading = engine.parts.serving_plan, engine.parts.channel.fading
    assert plan is not None and isinstance(fading, MovingFading)
    slots = plan.period_slots * plan.serving.shape[1]
    cell = plan.serving[0, :, 0].repeat_interleave(plan.period_slots)[:slots]
    away = plan.served_from_slot[0, :, 0].repeat_interleave(plan.period_slots) > torch.arange(slots)
    blocks = [fading.coordinates(first, 50, 1e-3)[0, 0] for first in range(0, slots, 50)]
    power = torch.cat(blocks).unflatten(-1, (engine.cells, -1)).square().sum(-1)[:slots] / engine.prbs
    mean = torch.stack(list(fading.moving_drops[0].snr(range(slots))))[:, 0]
    both = [_sinr_db(snr, cell).masked_fill(away, torch.nan) for snr in (power, mean)]
    return both[0], both[1], cell


def _sinr_db(snr: Tensor, cell: Tensor) -> Tensor:
    own = snr.gather(-1, cell[:, None])[:, 0]
    return 10.0 * torch.log10(own / (1.0 + snr.sum(-1) - own))


def main() -> None:
    """Draws the figure and prints how steep the corner is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().folder
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    with tempfile.TemporaryDirectory() as place:
        for blocked, colour, label in ((False, "C0", "open"), (True, "C3", "corner")):
            faded, mean, cell = along(engine_of(blocked, Path(place)))
            x_m = 30.0 + 11.0 * 1e-3 * torch.arange(len(mean))
            axes.plot(x_m, faded, color=colour, linewidth=0.4, alpha=0.5)
            axes.plot(x_m, mean, color=colour, linewidth=1.8, label=label)
            changes = (cell.diff() != 0).nonzero()[:, 0].tolist()
            for slot in changes:
                axes.axvline(float(x_m[slot]), color=colour, linestyle=":", linewidth=1.0)
            at = {m: float(mean[round((m - 30.0) / 11e-3)]) for m in (47.5, 49.0, 49.5, 50.0, 50.5, 52.0)}
            print(label, {m: round(db, 1) for m, db in at.items()}, "handovers at",
                  [round(float(x_m[slot]), 1) for slot in changes])  # fmt: skip
    axes.axvspan(50.0, 74.0, color="0.9", zorder=0)
    axes.set_xlabel("x (m)")
    axes.set_ylabel("SINR (dB)")
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "motion-street.png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
