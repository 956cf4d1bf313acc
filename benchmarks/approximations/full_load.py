"""Measures the rounding of the SINR at full load: ``python -m benchmarks.approximations.full_load W1 [--mode fast]``.

Computes the SINR of slots to come from a few points in time (:mod:`phy.channel.full_load`) and slot by slot, both in
float32, and compares both with slot by slot in float64. Prints quantiles of the relative errors over UEs, PRBs and
slots as a Markdown table.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from mac.engine.engine import Engine
from mac.engine.radio.fading_buffers import GROUP, window_slots
from phy.channel.channel import Channel
from phy.channel.full_load import FullLoad
from phy.link.response import Response, basis_of
from phy.link.sinr import sinr
from scenarios.bench.case import BenchCase, BenchOptions
from scenarios.bench.measure import prepare
from scenarios.families.scheduling.workloads import WORKLOADS

QUANTILES = (0.5, 0.9, 0.99, 0.999, 0.9999, 1.0)
EVERY = 9  # slots from one that is compared to the next


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", nargs="?", default="W1", choices=("W1", "W2", "W3"))
    parser.add_argument("--mode", default="exact", choices=("exact", "fast"))
    given = parser.parse_args()
    problem, _ = prepare(WORKLOADS[given.workload], BenchCase(given.workload, 1, given.mode, BenchOptions()))
    engine: Engine = problem.engine
    several, points, slots = at_once(engine)
    channel, slot_s = engine.parts.channel, engine.parts.carrier.slot_s
    double = channel.to(torch.device("cpu"), torch.float64)
    errors: dict[str, list[Tensor]] = {"from points in time": [], "slot by slot": []}
    for slot in range(0, slots, EVERY):
        exact = by_itself(double, engine.prbs, slot, slot_s)
        found = several[slot // GROUP, :, :, slot % GROUP], by_itself(channel, engine.prbs, slot, slot_s)
        for one, kept in zip(found, errors.values(), strict=True):
            kept.append((one / exact - 1).abs().flatten())
    print(f"{given.workload}, {given.mode}: {points} points in time for {slots} slots\n")
    print(
        "| relative error | " + " | ".join(f"{100 * q:g} %" for q in QUANTILES) + " |\n|---|" + "--:|" * len(QUANTILES)
    )
    for name, parts in errors.items():
        ordered = torch.cat(parts).sort().values
        places = [min(len(ordered) - 1, int(q * len(ordered))) for q in QUANTILES]
        print(f"| {name} | " + " | ".join(f"{float(ordered[place]):.1e}" for place in places) + " |")


def at_once(engine: Engine) -> tuple[Tensor, int, int]:
    """Computes the SINR of the first window; returns it, the points in time, and the slots."""
    parts = engine.parts
    slots = window_slots(engine.shape[1] * engine.prbs)
    full_load = FullLoad.of(parts.channel.fading, parts.channel.serving, engine.cells, slots, parts.carrier.slot_s)
    assert full_load is not None
    several = torch.empty((slots // GROUP, *engine.shape, GROUP, engine.prbs), dtype=engine.dtype)
    full_load.sinr(0, several)
    return several, len(full_load.samples.point), slots


def by_itself(channel: Channel, prbs: int, slot: int, slot_s: float) -> Tensor:
    """Computes the SINR of a slot from its own responses, every cell at full load, ``[B, U, K]``."""
    coordinates = channel.fading.coordinates(slot, 1, slot_s)[:, :, 0]
    response = Response(coordinates, basis_of(channel.fading.to_prbs), channel.fading.dominant)
    batch, _, cells = channel.mean_snr.shape
    return sinr(response, channel.serving, torch.ones((batch, cells, prbs), dtype=coordinates.dtype))


if __name__ == "__main__":
    main()
