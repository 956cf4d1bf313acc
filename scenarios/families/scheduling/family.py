"""Registers the family of scheduling: every slot, which UE holds each PRB of each cell."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.family import cellular_family
from ..family import LazyImport
from .workloads import SCALES, WORKLOADS

FAMILY = replace(
    cellular_family("scheduling", "SchedulingScenario"),
    require=LazyImport("mac.scheduling.feasible:require_scheduling"),
    environment=LazyImport("scenarios.families.scheduling.environment:ENVIRONMENT"),
    workloads=WORKLOADS,
    scaling_workloads=SCALES,
)
