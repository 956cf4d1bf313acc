"""Measures the time of each part of a slot: ``python -m benchmarks.profiling.time_per_part W1 [--drops N] [--mode
fast]``.

Runs the loop of a workload of ``fairwave bench`` with a clock around its parts, on one thread, and prints each part's
processor time a slot as a Markdown table. The whole slot is timed before, without these clocks: in place, and slot by
slot, as under an allocator that runs no slots in place.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from time import thread_time
from typing import Any

import torch

from allocators.scheduling import in_place_numba
from mac.core.loop import Span, run
from mac.core.recorder import Recorder
from mac.engine.backends import numba_slot
from mac.scheduling.problem import SchedulingProblem
from phy.channel.full_load import FullLoad
from scenarios.bench.case import BenchCase, BenchOptions
from scenarios.bench.measure import prepare
from scenarios.families.scheduling.workloads import WORKLOADS


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", nargs="?", default="W1", choices=[name for name in WORKLOADS if name[0] == "W"])
    parser.add_argument("--drops", type=int, default=1)
    parser.add_argument("--mode", default="exact", choices=("exact", "fast"))
    parser.add_argument("--slots", type=int, default=500)
    given = parser.parse_args()
    for option in ("drops", "slots"):
        if getattr(given, option) < 1:
            parser.error(f"--{option} must be 1 or more, given {getattr(given, option)}")
    torch.set_num_threads(1)
    problem, allocator = prepare(
        WORKLOADS[given.workload], BenchCase(given.workload, given.drops, given.mode, BenchOptions())
    )
    run(problem, allocator, Span(intervals=100, window=100))  # loops are compiled on the way
    whole, clocks = _seconds(problem, allocator, given.slots), defaultdict[str, float](float)
    allocator.run_intervals = lambda *_: None
    alone = _seconds(problem, allocator, given.slots)
    del allocator.run_intervals
    for part, owner, name in (
        ("SINR of the slots to come", FullLoad, "sinr"),
        ("slots in one loop, decisions among them", in_place_numba, "run_slots"),
        ("a decision once more, to time it", in_place_numba, "decide"),
        ("memory of the slots", numba_slot, "memory_in_place"),
        ("state after them", SchedulingProblem, "after"),
        ("record", Recorder, "add"),
    ):
        _clocked(clocks, part, owner, name)
    _seconds(problem, allocator, given.slots)
    clocks["calls in between"] = whole - sum(clocks.values())
    print(f"{given.workload}, {given.drops} side by side, {given.mode}: {1e6 * whole / given.slots:.0f} us a slot,")
    print(f"{1e6 * alone / given.slots:.0f} us slot by slot\n")
    print("| part | us a slot | share |\n|---|---|---|")
    for part, seconds in clocks.items():
        print(f"| {part} | {1e6 * seconds / given.slots:.0f} | {100 * seconds / whole:.0f} % |")


def _seconds(problem: Any, allocator: Any, slots: int) -> float:
    began = thread_time()
    run(problem, allocator, Span(intervals=slots, window=slots))
    return thread_time() - began


def _clocked(clocks: dict[str, float], part: str, owner: Any, name: str) -> None:
    function = getattr(owner, name)

    def timed(*arguments: Any, **more: Any) -> Any:
        began = thread_time()
        try:
            return function(*arguments, **more)
        finally:
            clocks[part] += thread_time() - began

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
