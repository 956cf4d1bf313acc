"""Registers the family of sensor fields: every round, which nodes are cluster heads, and where each node sends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..family import Family, LazyImport, RunPlot
from .workloads import WORKLOADS

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_SCENARIO = "scenarios.families.wsn.scenario"


def _has_rounds(result: RunResult, dataset: xr.Dataset) -> bool:
    return {"life_rounds", "parent", "head", "left_j"} <= set(map(str, dataset.variables))


def _has_survivors(result: RunResult, dataset: xr.Dataset) -> bool:
    return _has_rounds(result, dataset) and bool((dataset["life_rounds"] > 0).any())


FAMILY = replace(
    Family.built_in("wsn", "WsnScenario"),
    context=LazyImport(f"{_SCENARIO}:context"),
    bound=LazyImport(f"{_SCENARIO}:bound"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.wsn.lifetime_metrics:METRICS"),
    headline=("fnd", "hnd", "lnd", "packets_per_joule"),
    notes=LazyImport("scenarios.families.wsn.censored_deaths:censored_deaths"),
    plots={
        "alive": RunPlot(
            LazyImport("scenarios.families.wsn.plots:plot_alive"),
            "A curve that stays up and then falls steeply is of a field that was drained evenly. A hollow mark: in "
            "some drop that death had not come when the run ended.",
            _has_rounds,
        ),
        "clusters": RunPlot(
            LazyImport("scenarios.families.wsn.map:plot_clusters"),
            "The charge of each node at the end of the round, and a line from each node to its parent. Where nodes are "
            "dead or dark, some paid for the others. Another round or drop: fairwave wsn map RUN --round 300 --drop 1.",
            _has_survivors,
        ),
        "energy_balance": RunPlot(
            LazyImport("scenarios.families.wsn.plots:plot_energy_balance"),
            "Left: 0 if all nodes had the same charge when the first one died. Right: all energy spent in the run over "
            "all packets that reached the sink; where a bar ends beyond the axis, its parts are given in figures.",
            _has_rounds,
        ),
    },
    unsuitable_plots=("rate_cdf", "fairness_throughput"),
    workloads=WORKLOADS,
    environment=LazyImport("scenarios.families.wsn.environment:ENVIRONMENT"),
    commands=LazyImport("scenarios.families.wsn.commands:make_app"),
    moved_options={
        "--round": "fairwave wsn map RUN --round N",
        "--allocator": "fairwave wsn map RUN --allocator NAME",
        "--drop": "fairwave wsn map RUN --drop N",
        "--variant": "fairwave wsn map RUN --variant NAME",
        "--map": "fairwave wsn map RUN --out FILE",
        "--graphml": "fairwave wsn graph RUN --out FILE",
    },
)
