"""Registers the family of auctions: which request is served by which resource, and what it pays."""

from __future__ import annotations

from ..family import Family, LazyImport
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.auction.scenario"

FAMILY = Family(
    name="auction",
    allocator_family="auction",
    scenario_type=LazyImport(f"{_SCENARIO}:AuctionScenario"),
    clock=LazyImport(f"{_SCENARIO}:clock_of"),
    check=LazyImport(f"{_SCENARIO}:check"),
    build=LazyImport(f"{_SCENARIO}:build"),
    labels=LazyImport(f"{_SCENARIO}:labels"),
    estimate_bytes=LazyImport(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=LazyImport(f"{_SCENARIO}:estimate_seconds"),
    best_batch=LazyImport(f"{_SCENARIO}:best_batch"),
    context=LazyImport(f"{_SCENARIO}:context"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.auction.auction_metrics:METRICS"),
    headline=("auction_efficiency", "auction_revenue", "auction_served", "jain_requesters", "jain_winners",
              "auction_utilisation"),
    unsuitable_plots=("rate_cdf", "fairness_throughput"),
    workloads=WORKLOADS,
    commands=LazyImport("scenarios.families.auction.commands:make_app"),
)  # fmt: skip
