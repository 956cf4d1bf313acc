"""Registers the family of slicing: at every report, how many RBGs each slice has; a scheduler works below it."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.plot_records import PLOTS
from ..cellular.renamed_keys import RENAMED
from ..family import Family, LazyImport, RunPlot

FAMILY = replace(
    Family.built_in("slicing", "SlicingScenario"),
    best_batch=LazyImport("scenarios.families.cellular.estimates:best_batch"),
    account=LazyImport("scenarios.families.cellular.labels:account"),
    renamed=RENAMED,
    require=LazyImport("mac.slicing.feasible:require_slicing"),
    context=LazyImport("scenarios.families.slicing.scenario:context"),
    metrics=LazyImport("mac.slicing.tractor_score:METRICS"),
    headline=("satisfaction", "tractor_score"),
    environment=LazyImport("scenarios.families.slicing.environment:ENVIRONMENT"),
    plots={
        **PLOTS,
        "quotas": RunPlot(
            LazyImport("scenarios.families.slicing.plots:plot_quotas"),
            "Which slice may use which part of the carrier. White is held by no slice.",
            lambda result, dataset: "slice_prbs" in dataset,
        ),
    },
)
