"""Registers the family of markets without a radio: how much bandwidth each UE buys from which base station."""

from __future__ import annotations

from ..family import Family, Imported
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.market.scenario"

FAMILY = Family(
    name="market",
    allocator_family="market",
    scenario_type=Imported(f"{_SCENARIO}:MarketScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported(f"{_SCENARIO}:best_batch"),
    require=Imported("mac.market.feasible:require_market_decision"),
    context=Imported(f"{_SCENARIO}:context"),
    account=Imported(f"{_SCENARIO}:account"),
    metrics=Imported("mac.market.market_metrics:METRICS"),
    headline=("nash_ratio", "welfare_ratio", "envy_freeness", "revenue", "market_rounds", "settled_share"),
    workloads=WORKLOADS,
    commands=Imported("scenarios.families.market.commands:make_app"),
)
