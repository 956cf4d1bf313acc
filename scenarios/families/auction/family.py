"""Registers the family of auctions: which request is served by which resource, and what it pays."""

from __future__ import annotations

from ..family import Family, Imported
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.auction.scenario"

FAMILY = Family(
    name="auction",
    allocator_family="auction",
    scenario_type=Imported(f"{_SCENARIO}:AuctionScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported(f"{_SCENARIO}:best_batch"),
    context=Imported(f"{_SCENARIO}:context"),
    account=Imported(f"{_SCENARIO}:account"),
    metrics=Imported("mac.auction.auction_metrics:METRICS"),
    headline=("auction_efficiency", "auction_revenue", "auction_served", "jain_requesters", "jain_winners",
              "auction_utilisation"),
    unsuitable_plots=("rate_cdf", "fairness_throughput"),
    workloads=WORKLOADS,
    commands=Imported("scenarios.families.auction.commands:make_app"),
)  # fmt: skip
