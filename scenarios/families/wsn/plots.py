"""Draws sensor fields: how long they live, and where the energy went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mac.metrics.intervals import MeanInterval, mean_interval
from mac.metrics.windows import Array, divide, read, total
from mac.wsn.lifetime_metrics import death_round

from ...plots.style import BAR, WIDTH_IN, Plot, Style, headline, style_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from ...run_result import RunResult

_POINTS = 400  # of a curve
_DEATHS = {"fnd": ("o", "FND: first node dead"), "hnd": ("D", "HND: half of them"), "lnd": ("s", "LND: the last one")}
_CAUSES = {"transmit": "#CC6677", "receive": "#88CCEE", "aggregate": "#DDCC77", "listen": "#44AA99",
           "control": "#AA4499", "sense": "#999933", "idle": "#BBBBBB"}  # fmt: skip


def plot_alive(result: RunResult, variant: str | None = None) -> Figure:
    """Draws live nodes and packets delivered over rounds, means over drops with 95 % intervals, and deaths.

    Args:
        result: the run, of a sensor field.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    windows = {name: result.to_xarray(name, variant) for name in result.allocators}
    end = max(_end(dataset) for dataset in windows.values())
    figure = Plot(figsize=(WIDTH_IN, 7.0 + 0.27 * len(windows)), layout="constrained")
    top, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(4.0, 2.2, 0.5 + 0.27 * len(windows)))
    for place, (name, dataset) in enumerate(windows.items()):
        style = style_of(result, name)
        _curve(top, dataset, end, style)
        _delivered(middle, dataset, style)
        _deaths(below, place, _rows(result, name, variant), style)
    nodes = max(dataset.sizes["user"] for dataset in windows.values())
    top.set(ylabel=f"live nodes of {nodes}", ylim=(-0.02 * nodes, 1.04 * nodes), xlim=(0, end))
    middle.set(ylabel="packets at the sink\nso far, thousands", ylim=(0, None))
    for axes in (top, middle):
        axes.tick_params(labelbottom=True)
    below.set_title("deaths, with the colours and dashes of the curves above", fontsize=10, loc="left", color="0.3")
    below.set(xlabel="round", ylim=(len(windows) - 0.4, -0.6))
    below.set_yticks(range(len(windows)), list(windows))
    for axes in (top, middle, below):
        axes.grid(alpha=0.3)
    figure.legend(handles=_death_marks(), loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    drops = min(dataset.sizes["drop"] for dataset in windows.values())
    of = f"mean over {drops} drops with its 95 % interval" if drops > 1 else "one drop"
    headline(figure, f"Live nodes and packets over rounds: {of}{_where(variant)}")
    return figure


def plot_energy_balance(result: RunResult, variant: str | None = None) -> Figure:
    """Draws how unevenly charges were spread at the first death, and what a delivered packet cost, by cause.

    Args:
        result: the run, of a sensor field.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    figure = Plot(figsize=(WIDTH_IN, 2.0 + 0.36 * len(result.allocators)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    costs = {name: packet_costs_mj(result.to_xarray(name, variant)) for name in result.allocators}
    limit = _axis_end([sum(cost.values()) for cost in costs.values()])
    for place, name in enumerate(result.allocators):
        _spread(left, place, _per_drop(result, "energy_variance_fnd", name, variant), style_of(result, name))
        _stacked(right, place, costs[name], limit)
    left.set(xlabel="standard deviation of the charges [mJ]", title="spread of charges at the first death")
    left.set_xlim(left=-0.02 * left.get_xlim()[1])
    left.set_yticks(range(len(result.allocators)), result.allocators)
    left.set_ylim(len(result.allocators) - 0.4, -0.6)
    right.set(
        xlabel="energy for each delivered packet [mJ]", title="where the energy of the whole life went", xlim=(0, limit)
    )
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    used = [cause for cause in _CAUSES if any(cost.get(cause, 0.0) > 0.002 * limit for cost in costs.values())]
    handles = [Line2D([], [], color=_CAUSES[cause], lw=8, label=cause) for cause in used]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, len(used)), frameon=False, fontsize=10)
    headline(figure, f"Energy balance: further left is better in both{_where(variant)}")
    return figure


def packet_costs_mj(dataset: xr.Dataset) -> dict[str, float]:
    """Computes the energy of a run over packets delivered, by cause, mean over drops in mJ; NaN without packets."""
    spent = read(dataset, "ledger_j", ("drop", "cause", "user")).sum(axis=2)
    packets = total(dataset, "packets").sum(axis=1)
    names = map(str, dataset["cause"].to_numpy().tolist())
    return {name: 1e3 * mean_interval(divide(spent[:, i], packets)).mean for i, name in enumerate(names)}


def alive_after(dataset: xr.Dataset, rounds: Array) -> Array:
    """Counts the live nodes of each drop after so many rounds, ``[B, rounds]``."""
    died = death_round(dataset)
    gone = [np.searchsorted(drop[~np.isnan(drop)], rounds, side="right") for drop in died]
    return np.asarray(died.shape[1] - np.stack(gone), dtype=np.float64)


def _end(dataset: xr.Dataset) -> float:
    """Returns where the axis of rounds ends: a little after the last death, or with the run."""
    died = death_round(dataset)
    run = round(float(dataset.attrs["window_s"]) / float(dataset.attrs["round_s"])) * dataset.sizes["window"]
    return float(run) if np.isnan(died).any() else max(1.0, 1.03 * float(died.max()))


def _curve(axes: Axes, dataset: xr.Dataset, end: float, style: Style) -> None:
    rounds = np.unique(np.linspace(0, end, _POINTS).round())
    _band(axes, rounds, alive_after(dataset, rounds), style)


def _delivered(axes: Axes, dataset: xr.Dataset, style: Style) -> None:
    """Draws the packets that have reached the sink by the end of each window, in thousands."""
    packets = read(dataset, "packets").sum(axis=2).cumsum(axis=1)
    window = float(dataset.attrs["window_s"]) / float(dataset.attrs["round_s"])
    rounds = window * np.arange(packets.shape[1] + 1)
    _band(axes, rounds, np.pad(packets, ((0, 0), (1, 0))) / 1e3, style)


def _band(axes: Axes, rounds: Array, values: Array, style: Style) -> None:
    """Draws the mean over drops of ``[B, rounds]`` with its interval."""
    found = [mean_interval(column) for column in values.T]
    low, high = np.clip([[one.low for one in found], [one.high for one in found]], 0, values.max())
    axes.plot(rounds, [one.mean for one in found], color=style.colour, linestyle=style.dash, lw=1.8)
    axes.fill_between(rounds, low, high, color=style.colour, alpha=0.2, lw=0)


def _rows(result: RunResult, allocator: str, variant: str | None) -> dict[str, Array]:
    return {metric: _per_drop(result, metric, allocator, variant) for metric in _DEATHS}


def _per_drop(result: RunResult, metric: str, allocator: str, variant: str | None) -> Array:
    """Returns one value for each drop."""
    table: pd.DataFrame = result.per_drop
    same = table["variant"].isna() if variant is None else table["variant"] == variant
    rows = table[same & (table["metric"] == metric) & (table["allocator"] == allocator)]
    return rows["value"].to_numpy(dtype=np.float64)


def _deaths(axes: Axes, place: int, values: dict[str, Array], style: Style) -> None:
    """Draws three marks on a line; hollow where that death has not come in every drop."""
    means = {metric: mean_interval(found) for metric, found in values.items()}
    known = [found.mean for found in means.values() if not math.isnan(found.mean)]
    if known:
        axes.plot([min(known), max(known)], [place, place], color=style.colour, linestyle=style.dash, lw=1.2)
    for metric, found in means.items():
        if math.isnan(found.mean):
            continue
        hollow = {"markerfacecolor": "white", "markeredgecolor": style.colour} if np.isnan(values[metric]).any() else {}
        marker = {"marker": _DEATHS[metric][0], **BAR, **hollow}
        axes.errorbar(found.mean, place, xerr=_bar(found), color=style.colour, **marker)
    if not known:
        axes.text(0.01, place, "no node has died", transform=axes.get_yaxis_transform(), va="center", color="0.4")


def _death_marks() -> list[Line2D]:
    return [Line2D([], [], color="0.3", marker=mark, linestyle="none", label=text) for mark, text in _DEATHS.values()]


def _spread(axes: Axes, place: int, variance_mj2: Array, style: Style) -> None:
    found = mean_interval(np.sqrt(variance_mj2))
    if math.isnan(found.mean):
        axes.text(0.01, place, "no node has died", transform=axes.get_yaxis_transform(), va="center", color="0.4")
        return
    axes.barh(place, found.mean, height=0.12, color=style.colour, alpha=0.5)
    axes.errorbar(found.mean, place, xerr=_bar(found, least=0.0), color=style.colour, marker="o", **BAR)


def _bar(found: MeanInterval, least: float = -math.inf) -> list[list[float]] | None:
    """Returns the lengths of an error bar, which does not reach below ``least``; None without an interval."""
    if math.isnan(found.low):
        return None
    return [[found.mean - max(found.low, least)], [found.high - found.mean]]


def _axis_end(totals: list[float]) -> float:
    """Chooses the end of an axis so that one wasteful allocator does not hide what the others do."""
    known = [total for total in totals if total > 0]
    return 1.15 * min(max(known), 3.0 * float(np.median(known))) if known else 1.0


def _stacked(axes: Axes, place: int, cost: dict[str, float], limit: float) -> None:
    total = sum(cost.values())
    if math.isnan(total):
        axes.text(0.01, place, "nothing was delivered", transform=axes.get_yaxis_transform(), va="center", color="0.4")
        return
    start = 0.0
    for cause, value in cost.items():
        axes.barh(place, value, left=start, height=0.62, color=_CAUSES.get(cause, "0.5"), edgecolor="white", lw=0.6)
        start += value
    if total <= limit:
        axes.text(total + 0.01 * limit, place, f"{total:.3g}", va="center", fontsize=9)
        return
    parts = ", ".join(f"{cause} {value:.3g}" for cause, value in cost.items() if value > 0.005 * total)
    axes.text(0.985 * limit, place, f"{parts}: {total:.3g} →", va="center", ha="right", fontsize=9, bbox=_BEHIND)


_BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.9}


def _where(variant: str | None) -> str:
    return f" (variant {variant})" if variant else ""
