"""Registers the family of CoMP markets: which UE in outage buys how many PRBs from which cell of its cluster."""

from __future__ import annotations

from dataclasses import replace

from ..cellular.family import HEADLINE, METRICS, PLOTS, cellular_family
from ..family import LazyImport, RunPlot
from .workloads import WORKLOADS

_SCENARIO = "scenarios.families.comp.scenario"
_PLOTS = "scenarios.families.comp.plots"

FAMILY = replace(
    cellular_family("comp", "CompScenario"),
    account=LazyImport(f"{_SCENARIO}:account"),
    require=LazyImport("mac.market.feasible:require_market_decision"),
    context=LazyImport(f"{_SCENARIO}:context"),
    metrics=(METRICS, LazyImport("mac.comp.comp_metrics:METRICS")),
    workloads=WORKLOADS,
    headline=(
        "outage_rate",
        "own_rate",
        "below_minimum_share",
        "satisfaction",
        "nash_ratio",
        "total_pf_ratio",
        *HEADLINE,
    ),
    environment=LazyImport("scenarios.families.comp.environment:ENVIRONMENT"),
    plots={
        **PLOTS,
        "corner": RunPlot(
            LazyImport(f"{_PLOTS}:plot_corner"),
            "One UE through its longest outage: the rate from its serving cell, before and after the handover, and "
            "from the cells of its cluster. Shaded: the serving link is broken.",
            lambda result, dataset: "outage_s" in dataset and "serving_cell" in dataset.coords,
        ),
        "ue": RunPlot(
            LazyImport("scenarios.families.comp.ue_plot:plot_ue"),
            "Ten seconds of the UE with the longest outage, or the whole of a shorter run: serving cell, mean SINR of "
            "the serving link with all cells at full load, rate by where it comes from, money paid, and the windows in "
            "which the promise was kept (white: nothing was asked for). Dotted: a change of the serving cell.",
            lambda result, dataset: "serving_sinr_db" in dataset and "serving_cell" in dataset.coords,
        ),
        "prices": RunPlot(
            LazyImport(f"{_PLOTS}:plot_prices"),
            "Price of a PRB and its reserve, mean over the cells that sold anything.",
            lambda result, dataset: "price" in dataset,
        ),
        "supply_and_demand": RunPlot(
            LazyImport(f"{_PLOTS}:plot_supply_and_demand"),
            "PRBs that cells offer to UEs in outage and PRBs sold; budgets of these UEs and money paid; a market each.",
            lambda result, dataset: "offered" in dataset,
        ),
        "cluster": RunPlot(
            LazyImport(f"{_PLOTS}:plot_cluster"),
            "Cells and UEs in the middle of the same outage.",
            lambda result, dataset: "track_x_m" in dataset.coords and "serving_cell" in dataset.coords,
        ),
    },
)
