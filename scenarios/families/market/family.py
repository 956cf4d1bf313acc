"""Registers the family of markets without a radio: how much bandwidth each UE buys from which base station."""

from __future__ import annotations

from dataclasses import replace

from ..family import Family, LazyImport
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.market.scenario"

FAMILY = replace(
    Family.built_in("market", "MarketScenario"),
    require=LazyImport("mac.market.feasible:require_market_decision"),
    context=LazyImport(f"{_SCENARIO}:context"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.market.market_metrics:METRICS"),
    headline=("nash_ratio", "welfare_ratio", "envy_freeness", "revenue", "market_rounds", "settled_share"),
    workloads=WORKLOADS,
    commands=LazyImport("scenarios.families.market.commands:make_app"),
)
