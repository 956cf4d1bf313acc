"""Registers the family of slicing: at every report, how many RBGs each slice has; a scheduler works below it."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.family import HEADLINE, METRICS, PLOTS, cellular_family
from ..family import LazyImport, RunPlot

FAMILY = replace(
    cellular_family("slicing", "SlicingScenario"),
    require=LazyImport("mac.slicing.feasible:require_slicing"),
    context=LazyImport("scenarios.families.slicing.scenario:context"),
    metrics=(METRICS, LazyImport("mac.slicing.slice_metrics:METRICS")),
    headline=("satisfaction", "tractor_score", *HEADLINE),
    environment=LazyImport("scenarios.families.slicing.environment:ENVIRONMENT"),
    own_commands={
        "classify": LazyImport("scenarios.families.slicing.commands:classify"),
        "train-classifier": LazyImport("scenarios.families.slicing.commands:train_classifier"),
    },
    trainers={
        name: LazyImport(f"scenarios.families.slicing.offline_training:train_{name}") for name in ("dqn", "tabular")
    },
    plots={
        **PLOTS,
        "quotas": RunPlot(
            LazyImport("scenarios.families.slicing.plots:plot_quotas"),
            "Which slice may use which part of the carrier. White is held by no slice.",
            lambda result, dataset: "slice_prbs" in dataset,
        ),
    },
)
