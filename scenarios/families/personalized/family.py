"""Registers the family of personalised allocation: PRBs of each UE, from the quality that it needs."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.family import HEADLINE, METRICS, PLOTS, cellular_family
from ..family import LazyImport, RunPlot

_SCENARIO = "scenarios.families.personalized.scenario"

FAMILY = replace(
    cellular_family("personalized", "PersonalizedScenario"),
    account=LazyImport(f"{_SCENARIO}:account"),
    require=LazyImport("mac.personalized.feasible:require_personalized"),
    context=LazyImport(f"{_SCENARIO}:context"),
    commands=LazyImport("scenarios.families.personalized.commands:make_app"),
    metrics=(METRICS, LazyImport("mac.personalized.personalized_metrics:METRICS")),
    headline=(
        "personal_satisfaction",
        "target_share",
        "allotted_share",
        "promised_satisfaction",
        "radio_shortfall",
        "prediction_shortfall",
        *HEADLINE,
    ),
    environment=LazyImport("scenarios.families.personalized.environment:ENVIRONMENT"),
    plots={
        **PLOTS,
        "front": RunPlot(
            LazyImport("scenarios.families.personalized.plots:plot_front"),
            "Mean satisfaction against the share of PRBs that is allotted. Line: no allotment satisfies more, with the "
            "true zones and the last reports. Full marker: delivered; empty marker: promised by the zones that the "
            "allocator was told. Bars: 95 % intervals over drops. The line is a mean at equal shares: an allocator "
            "that gives some cells more PRBs than others can lie above it.",
            lambda result, dataset: "reported" in dataset,
        ),
    },
)
