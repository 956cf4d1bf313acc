"""Defines what all plots of a run share: sizes, an allocator's colour and marker, intervals, headlines."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mac.metrics.intervals import ALL
from mac.metrics.registry import metric_named
from mac.metrics.windows import Array

if TYPE_CHECKING:
    from ..run_result import RunResult

WIDTH_IN, DPI = 10.0, 120  # 1200 pixels
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#7F7F7F",
    "#882255",
    "#999933",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
_DASHES = ("-", "--", "-.", ":")


BAR: dict[str, Any] = {"markersize": 7, "markeredgecolor": "white", "markeredgewidth": 0.8, "capsize": 3.5,
                       "elinewidth": 2, "linestyle": "none", "zorder": 4}  # fmt: skip
"""Error bar of a mean with its interval."""


class Plot(Figure):
    """Makes a figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()


def picture(figure: Figure, kind: str, dpi: int = DPI) -> bytes:
    """Writes the figure as a ``png``, ``svg`` or ``pdf`` file, the same bytes every time."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "fairwave", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_SIGNED[kind])
    return buffer.getvalue()


_SIGNED: dict[str, dict[str, Any]] = {
    "png": {"Software": "fairwave"},
    "svg": {"Date": None, "Creator": "fairwave"},
    "pdf": {"CreationDate": None, "Creator": "fairwave"},
}
"""No date, and the name of the program: files with this sign may be overwritten."""


@dataclass(frozen=True)
class Style:
    """Describes how one allocator looks in all plots of a run."""

    colour: str
    marker: str
    dash: str


def style_at(index: int) -> Style:
    """Chooses colour (Okabe and Ito's eight, two of Paul Tol's), marker and dash by the place in a list."""
    return Style(_COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)], _DASHES[index % len(_DASHES)])


def style_of(result: RunResult, allocator: str) -> Style:
    """Chooses the style of an allocator by its place in the run's list."""
    return style_at(result.allocators.index(allocator))


def mean_bar(axes: Axes, place: float, row: pd.Series | None, style: Style, label: str | None = None) -> None:
    """Draws a marker at the mean and a bar over the interval."""
    if row is None or not np.isfinite(row["mean"]):
        return
    axes.errorbar(row["mean"], place, xerr=error_bars(row), color=style.colour, marker=style.marker, label=label,
                  **BAR)  # fmt: skip


def error_bars(row: pd.Series) -> Array | None:
    """Computes the bar's lengths below and above the mean, ``[2, 1]``; None where there is no interval."""
    half = np.array([[row["mean"] - row["ci95_low"]], [row["ci95_high"] - row["mean"]]], dtype=np.float64)
    return half if np.isfinite(half).all() else None


def summary_row(result: RunResult, metric: str, allocator: str, variant: str | None) -> pd.Series | None:
    """Finds mean and interval of a metric; None where it was not measured."""
    table = result.metrics
    same = table["variant"].isna() if variant is None else table["variant"] == variant
    found = table[same & (table["metric"] == metric) & (table["allocator"] == allocator)]
    return None if found.empty else found.iloc[0]


def shown_variant(result: RunResult, variant: str | None) -> str | None:
    """Chooses the variant whose summary stands for the plot: the mean over all of them if there are any."""
    if variant is None and result.metrics["variant"].notna().any():
        return ALL
    return variant


def axis_label(metric: str) -> str:
    """Writes a metric as an axis has it: ``rate_mean [Mbit/s]: mean over users of their mean rate``."""
    found = metric_named(metric)
    unit = "" if found.unit == "1" else f" [{found.unit}]"
    return f"{metric}{unit}: {found.description.split(',')[0]}"


def panels_of(names: Sequence[str], height_in: float, label: str) -> tuple[Figure, dict[str, Axes]]:
    """Makes a figure with one named panel each, four in a row, with the same vertical axis and label below."""
    columns = min(len(names), 4)
    rows = math.ceil(len(names) / columns)
    figure = Plot(figsize=(WIDTH_IN, height_in * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel().tolist()
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for name, axes in zip(names, grid, strict=False):
        axes.set_title(f"{name} users" if name else "all users", fontsize=12 if columns < 4 else 10)
        axes.set_xlabel(label if columns < 4 else textwrap.fill(label, 20))
    return figure, dict(zip(names, grid, strict=False))


def legend_below(figure: Figure, axes: Axes) -> None:
    """Writes the labels of one panel below all of them, five in a row."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), frameon=False, fontsize=10)


def headline(figure: Figure, text: str) -> None:
    """Writes the sentence above a plot."""
    figure.suptitle(text, fontsize=12.5, fontweight="bold")


def of_variants(result: RunResult, variant: str | None, what: str) -> str:
    """Names the variants that a plot shows, in brackets; nothing where the scenario has none."""
    if variant is not None and variant != ALL:
        return f" (variant {variant})"
    if all(name is None for name in result.variants):
        return ""
    return f" ({'mean over' if what == 'mean' else 'users of'} {len(result.variants)} variants)"
