"""Measures how long it takes to draw the networks of a batch by one thread, and to read their rays from files."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phy.channel.channel import build_channel
from phy.channel.fading import Fading
from phy.random import Drops
from scenarios.bench.case import BenchCase, BenchOptions, as_scenario
from scenarios.config.loading import load
from scenarios.families.cellular.engine_factory import channel_plan
from scenarios.families.scheduling.workloads import WORKLOADS

_REPEATS = 3


def main() -> None:
    """Prints milliseconds a network, medians of three batches after one."""
    parser = argparse.ArgumentParser(description="time of drawing networks")
    parser.add_argument("workload", nargs="+", choices=WORKLOADS)
    parser.add_argument("--drops", type=int, default=8)
    parser.add_argument("--mode", choices=("exact", "fast"), default="exact")
    asked = parser.parse_args()
    if asked.drops < 1:
        parser.error(f"--drops must be 1 or more, given {asked.drops}")
    torch.set_num_threads(1)
    for name in asked.workload:
        drawn, read = milliseconds(name, asked.mode, asked.drops)
        print(f"{name} {asked.mode}, {asked.drops} drops: {drawn:.1f} ms a network, {read:.2f} ms to read its rays")


def milliseconds(name: str, mode: str, drops: int) -> tuple[float, float]:
    """Measures a network of a workload: drawing it, and reading its rays from a file that the system still caches."""
    case = BenchCase(name, drops, mode, BenchOptions())
    plan = channel_plan(load(as_scenario(WORKLOADS[name], case)))
    every = Drops(1, tuple(range(drops)))
    fading = build_channel(every, plan, torch.device("cpu"), torch.float32).fading
    assert isinstance(fading, Fading)
    drawn_s = _seconds(lambda: build_channel(every, plan, torch.device("cpu"), torch.float32))
    return 1e3 * drawn_s / drops, 1e3 * _reading_s(fading.rays) / drops


def _reading_s(rays: Tensor) -> float:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{drop}.npy" for drop in range(len(rays))]
        for file, own in zip(files, rays.numpy(), strict=True):
            np.save(file, own)
        return _seconds(lambda: np.stack([np.load(file) for file in files]))


def _seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_REPEATS + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
