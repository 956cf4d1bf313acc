"""Registers the family of CoMP markets: which UE in outage buys how many PRBs from which cell of its cluster."""

from __future__ import annotations

from ..family import Family, Imported, RunPlot

_SCENARIO = "scenarios.families.comp.scenario"
_PLOTS = "scenarios.families.comp.plots"

FAMILY = Family(
    name="comp",
    allocator_family="comp",
    scenario_type=Imported(f"{_SCENARIO}:CompScenario"),
    clock=Imported(f"{_SCENARIO}:clock_of"),
    check=Imported(f"{_SCENARIO}:check"),
    build=Imported(f"{_SCENARIO}:build"),
    labels=Imported(f"{_SCENARIO}:labels"),
    estimate_bytes=Imported(f"{_SCENARIO}:estimate_bytes"),
    estimate_seconds=Imported(f"{_SCENARIO}:estimate_seconds"),
    best_batch=Imported("scenarios.families.cellular.estimates:best_batch"),
    account=Imported(f"{_SCENARIO}:account"),
    require=Imported("mac.market.feasible:require_market_decision"),
    context=Imported(f"{_SCENARIO}:context"),
    metrics=Imported("mac.comp.comp_metrics:METRICS"),
    headline=("outage_rate", "own_rate", "below_minimum_share", "satisfaction", "nash_ratio", "total_pf_ratio"),
    plots={
        "corner": RunPlot(
            Imported(f"{_PLOTS}:plot_corner"),
            "One UE through its longest outage: the rate from its serving cell, before and after the handover, and "
            "from the cells of its cluster. Shaded: the serving link is broken.",
            lambda result, dataset: "outage_s" in dataset,
        ),
        "prices": RunPlot(
            Imported(f"{_PLOTS}:plot_prices"),
            "Price of a PRB and its reserve, mean over the cells that sold anything.",
            lambda result, dataset: "price" in dataset,
        ),
        "cluster": RunPlot(
            Imported(f"{_PLOTS}:plot_cluster"),
            "Cells and UEs in the middle of the same outage.",
            lambda result, dataset: "position_x_m" in dataset,
        ),
    },
)
