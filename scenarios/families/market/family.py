"""Registers the family of markets without a radio: how much bandwidth each UE buys from which base station."""

from __future__ import annotations

from ..family import Family, LazyImport
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.market.scenario"

FAMILY = Family(
    name="market",
    allocator_family="market",
    scenario_type=LazyImport(f"{_SCENARIO}:MarketScenario"),
    clock=LazyImport(f"{_SCENARIO}:clock_of"),
    check=LazyImport(f"{_SCENARIO}:check"),
    build=LazyImport(f"{_SCENARIO}:build"),
    labels=LazyImport(f"{_SCENARIO}:labels"),
    estimate_bytes=LazyImport(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=LazyImport(f"{_SCENARIO}:estimate_seconds"),
    best_batch=LazyImport(f"{_SCENARIO}:best_batch"),
    require=LazyImport("mac.market.feasible:require_market_decision"),
    context=LazyImport(f"{_SCENARIO}:context"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.market.market_metrics:METRICS"),
    headline=("nash_ratio", "welfare_ratio", "envy_freeness", "revenue", "market_rounds", "settled_share"),
    workloads=WORKLOADS,
    commands=LazyImport("scenarios.families.market.commands:make_app"),
)
