"""Registers the family of scheduling: every slot, which UE holds each PRB of each cell."""

from __future__ import annotations

from ..cellular.plot_records import PLOTS
from ..family import Family, Imported
from .workloads import SCALES, WORKLOADS

_SCENARIO = "scenarios.families.scheduling.scenario"

FAMILY = Family(
    name="scheduling",
    allocator_family="scheduling",
    scenario_type=Imported(f"{_SCENARIO}:SchedulingScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported("scenarios.families.cellular.estimates:best_batch"),
    account=Imported("scenarios.families.cellular.labels:account"),
    require=Imported("mac.scheduling.feasible:require_scheduling"),
    plots=PLOTS,
    workloads=WORKLOADS,
    scaling_workloads=SCALES,
)
