"""Measures how the time of an interval of the family uav grows with UAVs and users: ``python -m
benchmarks.studies.uav_sizes``.

One drop on one thread, users with full buffers around hotspots at the density of ``fairwave bench uav``. Prints a
Markdown table: time of a step without and with shadowing, mean time of a decision of ``greedy_demand`` over 20
intervals (a plan and 19 decisions), in ms and in ns per link of a UAV and a user, and the memory of the process so far.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import torch

from allocators.uav.greedy_demand import GreedyDemand
from mac.uav.problem import UavProblem
from phy.random import Drops
from scenarios import load
from scenarios.families import find
from scenarios.families.uav.workloads import FleetSize

SIZES = ((4, 60), (10, 500), (20, 1000), (30, 2500), (50, 5000))
INTERVALS = 20


def make(uavs: int, users: int, shadowing_db: float) -> UavProblem:
    """Builds the problem of one drop."""
    scenario = load(
        FleetSize(uavs, users, (1,)).scenario("greedy_demand", 1), **{"channel.shadowing_nlos_db": shadowing_db}
    )
    problem: UavProblem = find("uav").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)
    return problem


def measure(problem: UavProblem) -> tuple[float, float]:
    """Measures the mean times of a decision and of a step in s, the first interval left out."""
    allocator, state = GreedyDemand(), problem.start()
    allocator.reset(problem.context, 0)
    decide_s = step_s = 0.0
    for interval in range(INTERVALS + 1):
        begin = time.perf_counter()
        decision = allocator.decide(state.observation)
        middle = time.perf_counter()
        state, _ = problem.step(state, decision)
        if interval:
            decide_s += middle - begin
            step_s += time.perf_counter() - middle
    return decide_s / INTERVALS, step_s / INTERVALS


def main(write: Callable[[str], None] = print) -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    write("| UAVs x users | step | with shadowing | decision | memory |\n|---|---|---|---|---|")
    for uavs, users in SIZES:
        decide_s, step_s = measure(make(uavs, users, 0.0))
        _, shadowed_s = measure(make(uavs, users, 6.0))
        cells = [f"{1e3 * one:.2f} ms, {1e9 * one / uavs / users:.0f} ns" for one in (step_s, shadowed_s, decide_s)]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        write(f"| {uavs} x {users} | {' | '.join(cells)} | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
