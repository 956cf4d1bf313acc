"""Describes what the records of families on a cellular carrier have in common, without importing what it names."""

from __future__ import annotations

from dataclasses import replace

from ..family import Family, LazyImport, RunPlot
from .renamed_keys import RENAMED

PLOTS = {
    "map": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_map"),
        "Cells (triangles, with the direction of a sector) and UEs of the first drop at its start. A UE of low SINR "
        "needs many PRBs for the same rate.",
        lambda result, dataset: "geometry_db" in dataset.coords,
    ),
    "sinr_cdf": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_sinr_cdf"),
        "SINR with all cells at full power and without fast fading, UEs of all drops at the start: what the radio "
        "leaves to the allocators.",
        lambda result, dataset: "geometry_db" in dataset.coords,
    ),
    "mobility": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_mobility"),
        "Ways of some UEs of the first drop, from the dot on; right: the cell that serves each of them. The same for "
        "all allocators.",
        lambda result, dataset: "track_x_m" in dataset.coords,
    ),
}
"""Plots of families on a cellular carrier, by the name of their file."""

METRICS = LazyImport("mac.engine.metrics.cellular_metrics:METRICS")
"""Metrics that only they have."""

HEADLINE = ("satisfaction", "rate_mean", "rate_p5", "jain_rate", "delay_p95", "loss_ratio", "prb_utilisation")
"""Metrics that stand first in their tables."""


def cellular_family(name: str, scenario_type: str) -> Family:
    """Describes a family on a cellular carrier as :meth:`Family.built_in` does; ``replace`` adds the rest."""
    return replace(
        Family.built_in(name, scenario_type),
        best_batch=LazyImport("scenarios.families.cellular.estimates:best_batch"),
        account=LazyImport("scenarios.families.cellular.labels:account"),
        renamed=RENAMED,
        metrics=METRICS,
        headline=HEADLINE,
        plots=PLOTS,
    )
