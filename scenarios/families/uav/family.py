"""Registers the family of flying base stations: every second, how UAVs fly and which users they serve."""

from __future__ import annotations

from ..family import Family, Imported

_SCENARIO = "scenarios.families.uav.scenario"

FAMILY = Family(
    name="uav",
    allocator_family="uav",
    scenario_type=Imported(f"{_SCENARIO}:UavScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported(f"{_SCENARIO}:best_batch"),
    context=Imported(f"{_SCENARIO}:context"),
    account=Imported(f"{_SCENARIO}:account"),
    metrics=Imported("mac.uav.flight_metrics:METRICS"),
    headline=("rate_sum", "rate_p5", "jain_rate", "coverage", "bits_per_joule"),
)
