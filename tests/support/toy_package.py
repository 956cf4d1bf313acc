"""Gives the toy family a metric, a headline, a plot, a workload, a report section and a command of its own.

Two modules and one entry point: nothing of fairwave is changed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import toy_family
import typer
from matplotlib.figure import Figure
from torch import Tensor

from allocators.contract.cases import Case, CaseRandom, FamilyCheck
from mac.core.contracts import InfeasibleDecision
from mac.metrics.metric import Metric
from phy.random import Drops
from scenarios.families import Renamed, ReportSection, RunPlot
from scenarios.plots.style import Plot

if TYPE_CHECKING:
    import xarray as xr

    from scenarios.run_result import RunResult


def waiting(dataset: xr.Dataset) -> Any:
    """Mean backlog of a user, ``[B]`` in kbit."""
    return dataset["backlog_bits"].mean(("window", "user")).to_numpy() / 1e3


def plot_waiting(result: RunResult, variant: str | None = None) -> Figure:
    """Mean backlog of each allocator over time."""
    figure = Plot(figsize=(4.0, 3.0))
    axes = figure.subplots()
    for name in result.allocators:
        windows = result.to_xarray(name, variant or result.variants[0])
        axes.plot(windows["time_s"], windows["backlog_bits"].mean(("drop", "user")), label=name)
    return figure


def longest(result: RunResult) -> Sequence[Mapping[str, object]]:
    """The largest backlog that a user had with each allocator."""
    first = result.variants[0]
    most = {name: float(result.to_xarray(name, first)["backlog_bits"].max()) for name in result.allocators}
    return [{"allocator": name, "longest queue [kbit]": f"{bits / 1e3:.1f}"} for name, bits in most.items()]


@dataclass(frozen=True)
class Pipes:
    """So many users on one pipe."""

    users: int
    batches: tuple[int, ...] = (1, 4)
    allocator: str = "even"
    rate: str = "seconds_per_s"
    words: tuple[str, str] = ("second", "user_second")
    scale: tuple[str, str] = ("users", "user")
    fast: None = None

    @property
    def parts(self) -> int:
        return self.users

    def sizes(self) -> dict[str, int]:
        return {"users": self.users}

    def more(self, rate: float) -> dict[str, float]:
        return {}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        return {"name": "pipes", "family": "toy", "drops": drops, "users": self.users, "allocators": [allocator]}


def require(decision: Any, demand: Tensor, context: object) -> None:
    """Raises unless the decision is a share of the pipe for each user."""
    if not isinstance(decision, Tensor) or decision.shape != demand.shape:
        raise InfeasibleDecision("a share for each user", 0)
    if (decision < 0).any() or (decision.sum(-1) > 1 + 1e-6).any():
        raise InfeasibleDecision("shares must be positive and sum to 1 at most", 0)


def play(drops: Drops) -> tuple[toy_family.ToyContext, list[Tensor]]:
    """Three reports of four users."""
    luck = CaseRandom(drops, "four users")
    reports = [1e6 * luck("demand", 4, interval=number).to(torch.float32) for number in range(3)]
    return toy_family.ToyContext(drops, 4), reports


CHECK = FamilyCheck(observation=Tensor, decision=Tensor, require=require, cases=(Case("four users", play),))


def make_app() -> typer.Typer:
    """``fairwave toy rate``."""
    app = typer.Typer(help="Asks the toy family.")

    @app.callback()
    def group() -> None:
        """Asks the toy family."""

    @app.command()
    def rate() -> None:
        """Print the rate of the pipe."""
        typer.echo(f"{toy_family.Pipe().rate_bps:g} bit/s")

    return app


FAMILY = replace(
    toy_family.FAMILY,
    allocators={"even": "toy_family:Even", "greedy": "toy_family:Greedy"},
    contract="toy_package:CHECK",
    metrics=(Metric("waiting_mean", "kbit", "mean backlog of a user", "lower", waiting, ("backlog_bits",)),),
    headline=("waiting_mean",),
    notes=lambda result: [("pipe", "nothing is lost in it")],
    plots={"waiting": RunPlot(plot_waiting, "How much waits.", lambda result, dataset: "backlog_bits" in dataset)},
    unsuitable_plots=("fairness_throughput",),
    report_sections=(ReportSection("Longest queues", longest, "In any drop and window."),),
    workloads={"pipes-4": Pipes(4)},
    scaling_workloads={"70": Pipes(4), "210": Pipes(40)},
    commands=make_app,
    renamed=Renamed(keys={"capacity_bps": "pipe.rate_bps"}),
)
