"""Registers the family of auctions: which request is served by which resource, and what it pays."""

from __future__ import annotations

from dataclasses import replace

from ..family import Family, LazyImport
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.auction.scenario"

FAMILY = replace(
    Family.built_in("auction", "AuctionScenario"),
    context=LazyImport(f"{_SCENARIO}:context"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.auction.auction_metrics:METRICS"),
    headline=("auction_efficiency", "auction_revenue", "auction_served", "jain_requesters", "jain_winners",
              "auction_utilisation"),
    unsuitable_plots=("rate_cdf", "fairness_throughput"),
    workloads=WORKLOADS,
    commands=LazyImport("scenarios.families.auction.commands:make_app"),
)  # fmt: skip
