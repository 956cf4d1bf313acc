"""Registers the family of scheduling: every slot, which UE holds each PRB of each cell."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.plot_records import PLOTS
from ..cellular.renamed_keys import RENAMED
from ..family import Family, LazyImport
from .workloads import SCALES, WORKLOADS

FAMILY = replace(
    Family.built_in("scheduling", "SchedulingScenario"),
    best_batch=LazyImport("scenarios.families.cellular.estimates:best_batch"),
    account=LazyImport("scenarios.families.cellular.labels:account"),
    renamed=RENAMED,
    require=LazyImport("mac.scheduling.feasible:require_scheduling"),
    plots=PLOTS,
    environment=LazyImport("scenarios.families.scheduling.environment:ENVIRONMENT"),
    workloads=WORKLOADS,
    scaling_workloads=SCALES,
)
