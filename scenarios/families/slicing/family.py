"""Registers the family of slicing: at every report, how many RBGs each slice has; a scheduler works below it."""

from __future__ import annotations

from ..cellular.plot_records import PLOTS
from ..family import Family, Imported, RunPlot

_SCENARIO = "scenarios.families.slicing.scenario"

FAMILY = Family(
    name="slicing",
    allocator_family="slicing",
    scenario_type=Imported(f"{_SCENARIO}:SlicingScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported("scenarios.families.cellular.estimates:best_batch"),
    account=Imported("scenarios.families.cellular.labels:account"),
    require=Imported("mac.slicing.feasible:require_slicing"),
    context=Imported(f"{_SCENARIO}:context"),
    metrics=Imported("mac.slicing.tractor_score:METRICS"),
    headline=("satisfaction", "tractor_score"),
    plots={
        **PLOTS,
        "quotas": RunPlot(
            Imported("scenarios.families.slicing.plots:plot_quotas"),
            "Who may use which part of the carrier. White is held by no slice.",
            lambda result, dataset: "slice_prbs" in dataset,
        ),
    },
)
