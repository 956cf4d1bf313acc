"""Draws runs of flying base stations: trajectories over the map of users, rate and energy over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mac.metrics.intervals import mean_interval
from mac.metrics.windows import MBIT, Array, read

from ...plots.style import WIDTH_IN, Plot, Style, headline, legend_below, style_of
from .flights import FlightsView, flights_view, shown_allocators

if TYPE_CHECKING:
    from ...run_result import RunResult

COLOURS = "viridis"
PATHS = ("#D55E00", "#CC79A7", "#000000", "#0072B2", "#882255", "#E69F00", "#999933", "#56B4E9")
"""Colours of the paths of UAVs, in turn."""


def plot_trajectories(
    result: RunResult, variant: str | None = None, drop: int = 0, allocators: tuple[str, ...] = ()
) -> Figure:
    """Draws paths of UAVs over the map of users, whose colour is their mean rate, a panel for each allocator.

    Args:
        result: the run.
        variant: the variant to show; the first one if not given.
        drop: the drop to show, by its place.
        allocators: those to show; up to four, the best by the headline, if not given.
    """
    variant = result.variants[0] if variant is None else variant
    names = list(allocators) or shown_allocators(result, variant)
    views = [flights_view(result.to_xarray(name, variant), name, drop) for name in names]
    columns = min(len(views), 2)
    rows = math.ceil(len(views) / columns)
    figure = Plot(figsize=(WIDTH_IN, 0.9 + 4.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    norm = rate_norm(views)
    for axes, view in zip(panels.flat, views, strict=False):
        _map(axes, view, norm)
    for axes in panels.flat[len(views) :]:
        axes.set_axis_off()
    points = panels.flat[0].collections[0]
    figure.colorbar(points, ax=panels, label="mean rate of a user [Mbit/s]", shrink=0.7, extend="min")
    headline(figure, f"Trajectories in drop {drop}: a ring is the start, a triangle the end{_where(variant)}")
    return figure


def plot_rate_energy(result: RunResult, variant: str | None = None) -> Figure:
    """Draws sum rate, 5th-percentile rate and power of all UAVs over time, means over drops with 95 % intervals.

    Args:
        result: the run.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    figure = Plot(figsize=(WIDTH_IN, 8.6), layout="constrained")
    top, middle, below = figure.subplots(3, 1, sharex=True)
    for name in result.allocators:
        dataset, style = result.to_xarray(name, variant), style_of(result, name)
        window_s, named = float(dataset.attrs["window_s"]), (name, min(0.15, 0.6 / len(result.allocators)))
        time = np.asarray(window_s * (np.arange(dataset.sizes["window"]) + 0.5), dtype=np.float64)
        rate = read(dataset, "served_bits") / window_s / MBIT
        _band(top, time, rate.sum(axis=2), style, named)
        _band(middle, time, np.percentile(rate, 5, axis=2), style, named)
        _band(below, time, read(dataset, "energy_j", ("drop", "window")) / window_s, style, named)
    top.set(ylabel="sum rate [Mbit/s]", ylim=(0, None))
    middle.set(ylabel="5th percentile of\nuser rates [Mbit/s]", ylim=(0, None))
    below.set(ylabel="power of all UAVs [W]", xlabel="time [s]", ylim=(0, None))
    for axes in (top, middle, below):
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    legend_below(figure, top)
    drops = int(result.per_drop["drop"].nunique())
    of = f"mean over {drops} drops with its 95 % interval" if drops > 1 else "one drop"
    headline(figure, f"Rate and energy over time: {of}{_where(variant)}")
    return figure


def rate_norm(views: list[FlightsView]) -> LogNorm:
    """Makes the common scale of colours of rates: logarithmic, three decades at most."""
    high = max(float(view.rate_mbps.mean(axis=0).max()) for view in views)
    high = high if high > 0 else 1.0
    positive = [view.rate_mbps.mean(axis=0) for view in views]
    low = min(float(rate[rate > 0].min()) if (rate > 0).any() else high for rate in positive)
    return LogNorm(max(low, high / 1000.0) * 0.999, high)


def raised(rate: Array, norm: LogNorm) -> Array:
    """Raises rates to the lower end of the scale of colours, which has no place for 0."""
    return np.asarray(np.maximum(rate, float(norm.vmin or 0.0)), dtype=np.float64)


def draw_ground(axes: Axes, view: FlightsView) -> None:
    """Draws the border of the area and the no-fly zones."""
    width, depth = view.extent_m
    for west, south, east, north in view.zones_m:
        zone = Rectangle((west, south), east - west, north - south, hatch="////", facecolor="0.93", edgecolor="0.6")
        axes.add_patch(zone)
    axes.set(xlim=(0, width), ylim=(0, depth), aspect="equal", xlabel="x [m]", ylabel="y [m]")


def path_colour(uav: int) -> str:
    """Chooses the colour of a UAV's path."""
    return PATHS[uav % len(PATHS)]


def _map(axes: Axes, view: FlightsView, norm: LogNorm) -> None:
    mean = raised(view.rate_mbps.mean(axis=0), norm)
    size = max(6.0, min(40.0, 4000.0 / len(mean)))
    axes.scatter(
        view.user_m[-1, :, 0],
        view.user_m[-1, :, 1],
        c=mean,
        cmap=COLOURS,
        norm=norm,
        s=size,
        linewidths=0.3,
        edgecolors="0.3",
        zorder=2,
    )
    draw_ground(axes, view)
    for uav in range(view.uav_m.shape[1]):
        x, y = view.uav_m[:, uav, 0], view.uav_m[:, uav, 1]
        colour = path_colour(uav)
        axes.plot(x, y, color=colour, lw=1.3, zorder=3)
        axes.plot(x[0], y[0], marker="o", markersize=7, markerfacecolor="none", markeredgecolor=colour, zorder=4)
        axes.plot(x[-1], y[-1], marker="^", markersize=9, color=colour, markeredgecolor="white", zorder=5)
    total = float(view.rate_mbps.sum(axis=1).mean())
    axes.set_title(f"{view.allocator}: {total:.3g} Mbit/s", fontsize=11)


def _band(axes: Axes, time: Array, values: Array, style: Style, named: tuple[str, float]) -> None:
    """Draws the mean over drops of ``[B, W]`` with its interval, as faint as ``named`` says beside the label."""
    label, alpha = named
    found = [mean_interval(column) for column in values.T]
    means = [one.mean for one in found]
    low, high = (np.maximum([getattr(one, end) for one in found], 0.0) for end in ("low", "high"))
    axes.plot(time, means, color=style.colour, linestyle=style.dash, lw=1.6, label=label)
    axes.fill_between(time, low, high, color=style.colour, alpha=alpha, lw=0)


def _where(variant: str | None) -> str:
    return f" (variant {variant})" if variant else ""
