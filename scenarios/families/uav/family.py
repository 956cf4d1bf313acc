"""Registers the family of flying base stations: every second, how UAVs fly and which users they serve."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..family import Family, LazyImport, RunPlot
from .workloads import WORKLOADS

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_SCENARIO = "scenarios.families.uav.scenario"
_TEAMS = ("gamatr", "gamatr_no_attention", "gamatr_no_graph", "gamatr_no_deviation", "gamatr_clip", "hatrpo")


def _has_flights(result: RunResult, dataset: xr.Dataset) -> bool:
    return {"uav_m", "user_m", "served_bits"} <= set(map(str, dataset.variables))


FAMILY = replace(
    Family.built_in("uav", "UavScenario"),
    context=LazyImport(f"{_SCENARIO}:context"),
    account=LazyImport(f"{_SCENARIO}:account"),
    metrics=LazyImport("mac.uav.flight_metrics:METRICS"),
    headline=("rate_sum", "rate_p5", "jain_rate", "coverage", "bits_per_joule"),
    plots={
        "trajectories": RunPlot(
            LazyImport("scenarios.families.uav.plots:plot_trajectories"),
            "One drop: where UAVs flew, and the mean rate of each user over the run. Another drop: "
            "result.plot('trajectories', drop=3).",
            _has_flights,
        ),
        "rate_energy": RunPlot(
            LazyImport("scenarios.families.uav.plots:plot_rate_energy"),
            "How fast an allocator gets to its rate, and what it flies for it.",
            _has_flights,
        ),
        "animation": RunPlot(
            LazyImport("scenarios.families.uav.animation:plot_animation"),
            "One drop as a film of twelve seconds. As a GIF file: fairwave uav animate RUN --drop 3.",
            _has_flights,
        ),
    },
    workloads=WORKLOADS,
    trainers={name: partial(LazyImport("scenarios.policies.gamatr.training:train_method"), name) for name in _TEAMS},
    environment=LazyImport("scenarios.families.uav.environment:ENVIRONMENT"),
    commands=LazyImport("scenarios.families.uav.commands:make_app"),
)
