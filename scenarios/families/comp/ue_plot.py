"""Draws some seconds of one UE in a CoMP market: serving cell, SINR, rate by source, money paid, promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mac.metrics.windows import read

from ...plots.style import WIDTH_IN, Plot, headline
from ...plots.user_windows import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    UserWindows,
    draw_cell,
    draw_promise,
    draw_rate_lines,
    legend_above,
)
from .plots import Outage

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_SHOWN_S = 10.0


@dataclass(frozen=True)
class Stretch(UserWindows):
    """Holds what is drawn of one UE: arrays over some windows, and the SINR below which it is in outage."""

    outage_db: float

    @classmethod
    def around(cls, dataset: xr.Dataset, outage: Outage, outage_db: float) -> Stretch:
        """Chooses ten seconds with an outage in their middle, or what the run has of them."""
        count = dataset.sizes["window"]
        most = min(count, round(_SHOWN_S / float(dataset.attrs["window_s"])))
        first = min(max(0, (outage.first + outage.last + 1 - most) // 2), count - most)
        return cls(dataset, outage.drop, outage.user, slice(first, first + most), outage_db)


def plot_ue(result: RunResult, variant: str | None = None) -> Figure:
    """Draws ten seconds of the UE with the longest outage, five panels below each other.

    Args:
        result: the run, of the family comp.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    allocator, dataset = _seller(result, variant)
    stretch = Stretch.around(dataset, Outage.longest(dataset), float(result.scenario["comp"]["outage_db"]))
    figure = Plot(figsize=(WIDTH_IN, 9.6), layout="constrained")
    grid = figure.subplots(5, 1, sharex=True, height_ratios=[1.0, 1.0, 1.5, 0.9, 0.5]).tolist()
    for axes, draw in zip(grid, (draw_cell, _sinr, _rates, _money, draw_promise), strict=True):
        _shade(axes, stretch)
        draw(axes, stretch)
    grid[-1].set(xlabel="time [s]", xlim=(stretch.edges[0], stretch.edges[-1]))
    figure.align_ylabels(grid)
    handles = [
        Patch(color=GREY, label="outage in the window"),
        Patch(color=BLUE, label="from its serving cell"),
        Patch(color=ORANGE, label="bought from other cells"),
        Patch(color=GREEN, label="promise kept"),
        Patch(color=RED, label="not kept"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=10)
    headline(figure, _title(stretch, allocator, variant))
    return figure


def _seller(result: RunResult, variant: str | None) -> tuple[str, xr.Dataset]:
    """Finds the first allocator by which anything came from other cells; the first one where there is none."""
    for allocator in result.allocators:
        dataset = result.to_xarray(allocator, variant)
        if float(read(dataset, "other_cell_bits").sum()) > 0:
            return allocator, dataset
    return result.allocators[0], result.to_xarray(result.allocators[0], variant)


def _title(stretch: Stretch, allocator: str, variant: str | None) -> str:
    return f"{stretch.title()}: {allocator}{f', variant {variant}' if variant else ''}"


def _shade(axes: Axes, stretch: Stretch) -> None:
    """Shows windows with an outage in grey, and handovers as lines."""
    broken, edges = stretch.of("outage_s") > 0, stretch.edges
    for begin, end in zip(edges[:-1][broken], edges[1:][broken], strict=True):
        axes.axvspan(begin, end, color=GREY, lw=0, zorder=0)
    for time in edges[1:-1][np.diff(stretch.of("serving_cell")) != 0]:
        axes.axvline(time, color="0.35", ls=":", lw=1.2, zorder=1)
    axes.grid(alpha=0.3, axis="y")


def _sinr(axes: Axes, stretch: Stretch) -> None:
    axes.stairs(stretch.of("serving_sinr_db"), stretch.edges, baseline=None, color=BLUE, lw=2)
    axes.axhline(stretch.outage_db, color="0.35", ls="--", lw=1.2, label="outage below")
    axes.set_ylabel("mean SINR of\nserving link [dB]")
    legend_above(axes)


def _rates(axes: Axes, stretch: Stretch) -> None:
    bought, edges = stretch.rate("other_cell_bits"), stretch.edges
    own = stretch.rate("served_bits") - bought
    axes.stairs(own, edges, fill=True, color=BLUE)
    axes.stairs(own + bought, edges, baseline=own, fill=True, color=ORANGE)
    draw_rate_lines(axes, stretch)


def _money(axes: Axes, stretch: Stretch) -> None:
    axes.stairs(stretch.of("paid"), stretch.edges, fill=True, color=ORANGE)
    axes.stairs(stretch.of("budget"), stretch.edges, baseline=None, color="black", lw=1, label="budget")
    axes.set(ylabel="paid in a\nwindow [money]", ylim=(0, None))
    legend_above(axes)
