"""Measures how long it takes to draw the networks of a batch by one thread."""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from phy.channel.channel import build_channel
from phy.random import Drops
from scenarios.bench.case import BenchCase, BenchOptions, as_scenario
from scenarios.config.loading import load
from scenarios.families.cellular.engine_factory import channel_plan
from scenarios.families.scheduling.workloads import WORKLOADS

_REPEATS = 3


def main() -> None:
    """Prints milliseconds per network, the median of three batches after one that compiles."""
    parser = argparse.ArgumentParser(description="time of drawing networks")
    parser.add_argument("workload", nargs="+", choices=WORKLOADS)
    parser.add_argument("--drops", type=int, default=8)
    parser.add_argument("--mode", choices=("exact", "fast"), default="exact")
    asked = parser.parse_args()
    if asked.drops < 1:
        parser.error(f"--drops must be 1 or more, given {asked.drops}")
    torch.set_num_threads(1)
    for name in asked.workload:
        print(
            f"{name} {asked.mode}, {asked.drops} drops: {milliseconds(name, asked.mode, asked.drops):.1f} ms a network"
        )


def milliseconds(name: str, mode: str, drops: int) -> float:
    """Measures one workload."""
    case = BenchCase(name, drops, mode, BenchOptions())
    plan = channel_plan(load(as_scenario(WORKLOADS[name], case)))
    every, seconds = Drops(1, tuple(range(drops))), []
    for _ in range(_REPEATS + 1):
        began = time.perf_counter()
        build_channel(every, plan, torch.device("cpu"), torch.float32)
        seconds.append(time.perf_counter() - began)
    return 1e3 * statistics.median(seconds[1:]) / drops


if __name__ == "__main__":
    main()
