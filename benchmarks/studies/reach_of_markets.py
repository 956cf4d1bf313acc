"""Measures time and memory of markets and auctions by size, as docs/families/market.md states: ``python -m
benchmarks.studies.reach_of_markets [--largest]``.

Time is that of the processor, of one thread, the least of some runs; numbers of a market are float64.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import torch

from allocators.market.equilibrium import competitive_equilibrium
from allocators.registry import resolve
from mac.market import Market
from mac.market.equilibrium_gap import equilibrium_gap
from mac.market.problem import MarketParts, MarketProblem
from mac.market.settings import MarketSettings
from phy.random import Drops
from scenarios import families, load

_SIZES = ((100, 1e-3), (1000, 1e-3), (1000, 1e-6), (10_000, 1e-3), (100_000, 1e-3))
_LARGEST = 1_000_000, 10_000
_CPU = torch.device("cpu")


def market(ues: int, base_stations: int) -> Market:
    """Draws a market in which each UE has links to five neighbouring base stations."""
    settings = MarketSettings(ues=ues, base_stations=base_stations, links=5, spread=1.0)
    problem = MarketProblem(MarketParts(Drops(1, (0,)), settings, 0.1, _CPU, torch.float64))
    return problem.observe(problem.start()).market


def processor_s(call: Callable[[], Any], runs: int) -> float:
    """Measures the least processor time of some calls."""
    found = []
    for _ in range(runs):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def show_market(ues: int, base_stations: int, tolerance: float, runs: int) -> None:
    """Solves a market and prints a row."""
    made = market(ues, base_stations)
    traded = competitive_equilibrium(made, 5000, tolerance)
    gap = float(equilibrium_gap(made, traded.quantity, traded.spend, traded.prices))
    seconds = processor_s(lambda: competitive_equilibrium(made, 5000, tolerance), runs)
    print(
        f"| {ues:,} x {base_stations:,} | {gap:.1e} | {int(traded.rounds)} | {1e3 * seconds:.1f} ms | "
        f"{1e6 * seconds / ues:.2f} | {_memory_gb():.1f} GB |"
    )


def show_auction(resources: int, requests: int, runs: int) -> None:
    """Runs the hierarchical auction and prints a row."""
    scenario = load("auction-synthetic", **{"auction.requests": requests, "auction.resources": resources})
    problem = families.find("auction").build(scenario, Drops(1, (0,)), _CPU, torch.float32)
    mohaf = resolve("mohaf", "auction", {})
    mohaf.reset(problem.context, 1)
    state = problem.start()
    seen = problem.observe(state)
    decision = mohaf.decide(seen)
    decide = processor_s(lambda: mohaf.decide(seen), runs)
    whole = decide + processor_s(lambda: problem.step(state, decision), runs)
    print(f"| {resources:,} x {requests:,} | {1e3 * decide:.1f} ms | {1e3 * whole:.1f} ms | {_memory_gb():.1f} GB |")


def _memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Prints two tables; memory is the most that the process has held so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", action="store_true", help="markets of a million UEs, auctions of 10^8 pairs")
    largest = parser.parse_args().largest
    torch.set_num_threads(1)
    print("| UEs x base stations | mean gap | rounds | time | us for a UE | memory |\n|---|--:|--:|--:|--:|--:|")
    for ues, tolerance in _SIZES:
        show_market(ues, ues // 10, tolerance, 20 if ues <= 1000 else 2)
    if largest:
        for tolerance in (1e-3, 1e-4):
            show_market(*_LARGEST, tolerance, 1)
    print("\n| resources x requests | auction | with checks and records | memory |\n|---|--:|--:|--:|")
    show_auction(200, 2000, 20)
    if largest:
        show_auction(1000, 100_000, 1)


if __name__ == "__main__":
    main()
