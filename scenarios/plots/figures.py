"""Draws plots of a run from its folder alone. Functions return matplotlib figures and touch no global state.

One allocator has one colour, marker and line style in all plots of a run, by its place in the run's list. The colours
are those of Okabe and Ito, told apart by colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mac.metrics.intervals import ALL
from mac.metrics.registry import metric_named
from mac.metrics.satisfaction import has_targets, satisfaction_per_user
from mac.metrics.throughput import rate_per_user
from mac.metrics.windows import MBIT, Array

from .. import families
from ..errors import ScenarioError
from ..families import RunPlot
from ..files import write_atomically
from .delays import plot_delay_cdf
from .style import (
    BAR,
    WIDTH_IN,
    Plot,
    Style,
    axis_label,
    error_bars,
    headline,
    legend_below,
    mean_bar,
    of_variants,
    panels_of,
    picture,
    shown_variant,
    style_of,
    summary_row,
)
from .user_groups import users_by_group

if TYPE_CHECKING:
    from ..run_result import RunResult

_MOST_POINTS = 200  # of a curve or a cloud; more are thinned to evenly spaced quantiles


def plot_rate_cdf(result: RunResult, variant: str | None = None) -> Figure:
    """Draws which share of the users got at most which mean rate, a panel per group, a curve per allocator.

    Args:
        result: the run.
        variant: the variant to show; users of all variants together if not given.
    """
    values = users_by_group(result, variant, lambda dataset: rate_per_user(dataset) / MBIT)
    figure, panels = panels_of(list(values), 4.6, "mean rate of a user [Mbit/s]")
    for name, axes in panels.items():
        for allocator, rates in values[name].items():
            style = style_of(result, allocator)
            ordered, share = _cdf(rates)
            width = 3.4 - 2.0 * result.allocators.index(allocator) / len(result.allocators)
            axes.plot(ordered, share, color=style.colour, linestyle=style.dash, label=allocator, lw=width)
        axes.set(ylim=(0, 1))
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of users at or below")
    legend_below(figure, figure.axes[0])
    headline(figure, f"User rates: a curve further right is better{of_variants(result, variant, 'users')}")
    return figure


def plot_satisfaction(result: RunResult, variant: str | None = None) -> Figure:
    """Draws the satisfaction of every user (dots) and its mean with the 95 % interval, a panel per group.

    Args:
        result: the run, of a scenario in which users have targets.
        variant: the variant to show; if not given all, the mean being that over variants.
    """
    values = users_by_group(result, variant, satisfaction_per_user)
    judged = {name: clouds for name, clouds in values.items() if any(len(cloud) for cloud in clouds.values())}
    values = judged or {"": {}}  # an empty panel where no user has a target
    rows = 1.6 + 0.42 * len(result.allocators)
    figure, panels = panels_of(list(values), rows, "share of windows with SLA met")
    shown = shown_variant(result, variant)
    for name, axes in panels.items():
        metric = "satisfaction" if _only_group(values, name) else f"satisfaction/{name}"
        for place, allocator in enumerate(result.allocators):
            _cloud(axes, place, values[name].get(allocator, np.empty(0)), style_of(result, allocator))
            mean_bar(axes, place, summary_row(result, metric, allocator, shown), style_of(result, allocator))
        axes.set(xlim=(-0.03, 1.03), xticks=(0.0, 0.25, 0.5, 0.75, 1.0), xticklabels=("0", "", "0.5", "", "1"))
        axes.set_yticks(range(len(result.allocators)), result.allocators)
        axes.set_ylim(len(result.allocators) - 0.4, -0.6)
        axes.grid(axis="x", alpha=0.3)
    title = "Satisfaction: a dot is a user, a marker the mean with its 95 % interval"
    headline(figure, f"{title}{of_variants(result, variant, 'users')}")
    return figure


def plot_fairness_throughput(result: RunResult, variant: str | None = None) -> Figure:
    """Draws Jain's index against the mean, of rates and of served over asked bits, with 95 % intervals."""
    pairs = [("rate_mean", "jain_rate"), ("served_share", "jain_served_share")]
    known = set(result.metrics["metric"][result.metrics["mean"].notna()])
    pairs = [pair for pair in pairs if known.issuperset(pair)] or pairs[:1]
    figure = Plot(figsize=(WIDTH_IN, 4.6), layout="constrained")
    for axes, (mean, jain) in zip(figure.subplots(1, len(pairs), squeeze=False)[0].tolist(), pairs, strict=True):
        for allocator in result.allocators:
            _cross(axes, result, allocator, (mean, jain), shown_variant(result, variant))
        axes.set(xlabel=axis_label(mean), ylabel=f"{jain} (1: all equal)")
        axes.grid(alpha=0.3)
        axes.margins(0.12)
        _plain_ticks(axes)
        axes.set_title("of rates" if mean == "rate_mean" else "of what each user asked for")
    legend_below(figure, figure.axes[0])
    title = "Fairness against throughput: up and right is better, bars are 95 % intervals"
    headline(figure, f"{title}{of_variants(result, variant, 'mean')}")
    return figure


def plot_variants(result: RunResult, metric: str | None = None) -> Figure:
    """Draws one metric in every variant and over all of them, mean and 95 % interval per allocator.

    Args:
        result: the run, of a scenario with variants.
        metric: the metric to show; the most telling one the run has if not given.

    Raises:
        ScenarioError: the run has no variants.
    """
    if all(name is None for name in result.variants):
        raise ScenarioError("this run has no variants to compare: plot_variants needs a scenario with `variants`")
    metric = metric or result.headline[0]
    names = list(dict.fromkeys(result.metrics["variant"].dropna()))
    figure = Plot(figsize=(WIDTH_IN, 1.6 + 0.13 * len(names) * (2 + len(result.allocators))), layout="constrained")
    axes = figure.subplots()
    for index, allocator in enumerate(result.allocators):
        offset = 0.7 * ((index + 0.5) / len(result.allocators) - 0.5)
        for place, name in enumerate(names):
            label = allocator if place == 0 else None
            mean_bar(
                axes, place + offset, summary_row(result, metric, allocator, name), style_of(result, allocator), label
            )
    for place in range(0, len(names), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="0.95", zorder=0)
    axes.axhline(len(names) - 1.5, color="0.2", lw=1)
    axes.set_yticks(range(len(names)), ["mean of all" if name == ALL else name for name in names])
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=axis_label(metric))
    axes.grid(axis="x", alpha=0.3)
    legend_below(figure, axes)
    hint = {"higher": "further right is better, ", "lower": "further left is better, "}
    side = hint.get(metric_named(metric).better or "", "")
    headline(figure, f"{metric} in every variant: {side}bars are 95 % intervals")
    return figure


PLOTS: dict[str, RunPlot] = {
    "variants": RunPlot(
        plot_variants,
        "The headline metric in every variant, and their mean.",
        lambda result, dataset: bool(result.metrics["variant"].notna().any()),
    ),
    "satisfaction": RunPlot(
        plot_satisfaction,
        "In which share of the windows each user got what was promised. Many dots far left mean that some users pay "
        "for a good mean.",
        lambda result, dataset: "packets" in dataset and has_targets(dataset),
    ),
    "rate_cdf": RunPlot(
        plot_rate_cdf,
        "Read it at a height: the rate that this share of the users does not exceed. Where curves coincide, the wider "
        "one lies below.",
        lambda result, dataset: "served_bits" in dataset,
    ),
    "delay_cdf": RunPlot(
        plot_delay_cdf,
        "Packets that were completed, by the bins of the run's histogram. Read it at a height: the delay that this "
        "share of them does not exceed. Packets that still wait are not in it.",
        lambda result, dataset: "delay_packets" in dataset and bool(dataset["delay_packets"].sum() > 0),
    ),
    "fairness_throughput": RunPlot(
        plot_fairness_throughput,
        "Left: rates, which favour users that ask for much. Right: what was served of what was asked.",
        lambda result, dataset: set(result.metrics["metric"]) >= {"rate_mean", "jain_rate"},
    ),
}
"""Plots of runs of all families, by the name of their file."""


def plots_of(result: RunResult) -> dict[str, RunPlot]:
    """Lists the plots that a run has the data for, by the name of their file: the general ones, then its family's."""
    family = families.find(result.scenario["family"])
    general = {name: plot for name, plot in PLOTS.items() if name not in family.unsuitable_plots}
    dataset = result.to_xarray(result.allocators[0], result.variants[0])
    return {name: plot for name, plot in {**general, **family.plots}.items() if plot.applies(result, dataset)}


def applicable_plots(result: RunResult) -> dict[str, Callable[[], Figure]]:
    """Lists what draws the plots that a run has the data for, by the name of their file."""
    return {name: partial(plot.draw, result) for name, plot in plots_of(result).items()}


def save_plots(result: RunResult, folder: Path) -> list[Path]:
    """Writes each plot that applies as PNG and SVG into ``folder``; returns the paths, in order.

    Raises:
        ScenarioError: the folder cannot be written or is full; no part of a plot is left there.
    """
    paths: list[Path] = []
    for name, draw in applicable_plots(result).items():
        figure = draw()
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            write_atomically(path, picture(figure, kind))
            figure.set_layout_engine("none")  # what the first file has set stays
            paths.append(path)
    return paths


def _plain_ticks(axes: Axes, least_span: float = 0.01) -> None:
    """Sets few ticks, their full values, and no axis so short that only rounding is to be seen."""
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(nbins=5)
    for low, high, limit in ((*axes.get_xlim(), axes.set_xlim), (*axes.get_ylim(), axes.set_ylim)):
        middle, half = (low + high) / 2, max(high - low, least_span) / 2
        limit(middle - half, middle + half)


def _only_group(values: dict[str, Any], name: str) -> bool:
    return len(values) == 1 or not name


def _cdf(values: Array) -> tuple[Array, Array]:
    """Returns sorted values and the share at or below each, beginning at 0; long ones thinned."""
    ordered = _thinned(values)
    share = np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    return np.repeat(ordered, 2), np.stack([np.concatenate([[0.0], share[:-1]]), share], axis=1).ravel()


def _thinned(values: Array) -> Array:
    ordered = np.sort(values)
    if len(ordered) > _MOST_POINTS:
        ordered = ordered[np.linspace(0, len(ordered) - 1, _MOST_POINTS).round().astype(int)]
    return np.asarray(ordered, dtype=np.float64)


def _cloud(axes: Axes, place: float, values: Array, style: Style) -> None:
    """Draws a dot per user, spread over the row by a fixed pattern so that equal values can be told apart."""
    points = _thinned(values)
    spread = (np.arange(len(points)) * 0.618) % 1.0 - 0.5
    axes.scatter(points, place + 0.5 * spread, s=9, color=style.colour, alpha=0.3, linewidths=0, zorder=2)


def _cross(axes: Axes, result: RunResult, allocator: str, metrics: tuple[str, str], variant: str | None) -> None:
    x, y = (summary_row(result, metric, allocator, variant) for metric in metrics)
    if x is None or y is None:
        return
    style = style_of(result, allocator)
    axes.errorbar(x["mean"], y["mean"], xerr=error_bars(x), yerr=error_bars(y), color=style.colour, marker=style.marker,
                  label=allocator, **BAR)  # fmt: skip
