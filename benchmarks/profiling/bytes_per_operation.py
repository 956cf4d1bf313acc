"""Counts the bytes that each operation of a slot reads and writes: ``python -m benchmarks.profiling.bytes_per_operation
W1 [--drops N]``.

Counts one stretch of slots of a workload of ``fairwave bench``, as scenarios/bench/operation_counts.py says, and
prints the operations that move most as a Markdown table: launched a slot, bytes a cell-slot, share of all bytes.
"""

from __future__ import annotations

import argparse

from mac.core.loop import Span, run
from scenarios.bench.case import BenchCase, BenchOptions
from scenarios.bench.measure import prepare, use_threads
from scenarios.bench.operation_counts import Counting, stretch
from scenarios.families.scheduling.workloads import WORKLOADS


def main() -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", nargs="?", default="W1", choices=WORKLOADS)
    parser.add_argument("--drops", type=int, default=1)
    parser.add_argument("--mode", default="exact", choices=("exact", "fast"))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rows", type=int, default=20)
    given = parser.parse_args()
    for option in ("drops", "rows"):
        if getattr(given, option) < 1:
            parser.error(f"--{option} must be 1 or more, given {getattr(given, option)}")
    workload = WORKLOADS[given.workload]
    use_threads(None)
    problem, allocator = prepare(
        workload, BenchCase(given.workload, given.drops, given.mode, BenchOptions(given.device))
    )
    intervals, slots = stretch(problem)
    ends: list[tuple[dict[str, int], dict[str, int]]] = []
    with Counting() as counting:

        def note(_: int) -> None:
            ends.append((dict(counting.by_operation), dict(counting.moved_by_operation)))

        run(problem, allocator, Span(intervals=2 * intervals, window=intervals), progress=note)
    (launched_before, moved_before), (launched, moved) = ends
    launches = {name: number - launched_before.get(name, 0) for name, number in launched.items()}
    moves = {name: number - moved_before.get(name, 0) for name, number in moved.items()}
    total, places = sum(moves.values()), slots * given.drops * workload.parts
    print(
        f"{given.workload}, {given.drops} side by side, {given.mode}: {sum(launches.values()) / slots:.1f} operations,"
    )
    print(f"{total / places:,.0f} bytes a {workload.words[1].replace('_', ' ')}\n")
    print("| operation | launched a slot | bytes | share |\n|---|---|---|---|")
    for name in sorted(moves, key=lambda name: -moves[name])[: given.rows]:
        share = 100 * moves[name] / total
        print(f"| `{name}` | {launches[name] / slots:.1f} | {moves[name] / places:,.0f} | {share:.1f} % |")


if __name__ == "__main__":
    main()
