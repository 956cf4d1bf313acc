"""Draws figures for a paper: a metric against a key, with 95 % intervals, in the widths of its columns.

Colours are those of Okabe and Ito, told apart by colour-blind readers; markers, dashes and hatches tell curves and bars
apart in black and white. Widths are those of IEEE's journals, 3.5 and 7.16 inch; fonts are embedded as TrueType.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from mac.metrics.registry import metric_named

from ..errors import ScenarioError, did_you_mean, shown
from ..plots.style import Plot, error_bars, style_at
from .points import value_text
from .selection import ALLOCATOR, VARIANT, Axes, axes_of, is_numeric, select, values_of
from .sweep_result import SweepResult

WIDTHS_IN = {"one": 3.5, "two": 7.16}
KINDS = ("line", "bar")
INTERVALS = ("bar", "band")
_HEIGHT_IN = 2.4
_MOST_TICKS = 9
_ASIDE_IN = 2 / 72  # between curves of one place
SPREAD = 20  # from so large a ratio of the largest to the least value on, a horizontal axis is logarithmic
_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "---", "+++", "ooo")
_PRINT: Any = {"font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
                          "legend.fontsize": 7, "axes.titlesize": 8, "lines.linewidth": 1.1, "axes.linewidth": 0.6,
                          "lines.markersize": 4, "hatch.linewidth": 0.5, "grid.linewidth": 0.4,
                          "mathtext.default": "regular"}  # fmt: skip


def draw(
    sweep: SweepResult,
    x: str | None = None,
    y: str | None = None,
    *,
    by: str = ALLOCATOR,
    columns: str | None = None,
    at: Mapping[str, Any] | None = None,
    variant: str | None = None,
    kind: str = "line",
    interval: str = "bar",
    width: str | float | None = None,
) -> Figure:
    """Draws mean and 95 % interval of a metric against a key.

    Args:
        sweep: the sweep.
        x: key of the horizontal axis; the first that varies if left out.
        y: the metric; the first of the headline if left out.
        by: what curves differ in: ``allocator``, ``variant`` or a key.
        columns: what panels side by side differ in.
        at: values of keys that are on no axis.
        variant: to show; the mean over variants if left out.
        kind: ``line`` or ``bar``.
        interval: of lines: ``bar`` or ``band``.
        width: ``one`` or ``two`` columns of a paper, or inches; two where there are panels, else one.

    Raises:
        ScenarioError: a name that the sweep does not have, or a key that is on no axis.
    """
    _require(kind, KINDS, "kind")
    _require(interval, INTERVALS, "interval")
    axes = axes_of(sweep, x, y, by, columns, at)
    table = select(sweep, axes, variant)
    panels = [None] if columns is None else values_of(sweep, table, columns)
    with mpl.rc_context(_PRINT):
        figure = Plot(figsize=(_inches(width or ("one" if columns is None else "two")), _HEIGHT_IN),
                      layout="constrained", label=f"{axes.y.replace('/', '-')}-{axes.x}")  # fmt: skip
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0].tolist()
        for value, panel in zip(panels, grid, strict=True):
            part = table if columns is None else table[table[columns] == value]
            _panel(panel, sweep, part, axes, kind, interval)
            panel.set_title("" if columns is None else f"{columns} = {value_text(value)}")
        grid[0].set_ylabel(_metric_label(axes.y))
        _legend(figure, grid[0])
        figure.canvas.draw()  # lays it out with the sizes of this block
    return figure


def _panel(panel: Panel, sweep: SweepResult, table: pd.DataFrame, axes: Axes, kind: str, interval: str) -> None:
    """Draws the curves or the groups of bars of one panel."""
    values, curves = values_of(sweep, table, axes.x), values_of(sweep, table, axes.by)
    names = _all_curves(sweep, axes.by)
    numeric = is_numeric(values) and kind == "line"
    places = np.array(values, dtype=float) if numeric else np.arange(len(values), dtype=float)
    for index, curve in enumerate(curves):
        rows = table[table[axes.by] == curve].set_index(axes.x).reindex(values)
        look, label = names.index(curve), value_text(curve)
        if kind == "line":
            side = index - (len(curves) - 1) / 2 if interval == "bar" else 0.0
            _line(panel, places, rows, (look, side), label, interval)
        else:
            _bars(panel, places + 0.8 * ((index + 0.5) / len(curves) - 0.5), rows, 0.8 / len(curves), look, label)
    _ticks(panel, values, places, numeric)
    panel.set_xlabel(axes.x)
    panel.grid(axis="both" if kind == "line" else "y", alpha=0.35)
    panel.set_axisbelow(True)


def _line(panel: Panel, places: Any, rows: pd.DataFrame, look: tuple[int, float], label: str, interval: str) -> None:
    """Draws a curve, moved sideways by some points, without a change of its data, so that intervals do not hide."""
    number, side = look
    style, bars = style_at(number), interval == "bar"
    aside = ScaledTranslation(_ASIDE_IN * side, 0, panel.figure.dpi_scale_trans)
    known = rows["mean"].notna().to_numpy()
    rows, places = rows[known], places[known]
    drawn = panel.errorbar(places, rows["mean"], yerr=_bars_of(rows) if bars else None, color=style.colour,
                           marker=style.marker, linestyle=style.dash, label=label, capsize=2, elinewidth=0.8,
                           capthick=0.8, markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip
    for artist in drawn.get_children():  # its limits are those of the data
        artist.set_transform(panel.transData + aside)
    if not bars:
        panel.fill_between(places, rows["ci95_low"], rows["ci95_high"], color=style.colour, alpha=0.2, linewidth=0)


def _bars(panel: Panel, places: Any, rows: pd.DataFrame, width: float, look: int, label: str) -> None:
    panel.bar(places, rows["mean"], width, yerr=_bars_of(rows), color=style_at(look).colour, alpha=0.85,
              hatch=_HATCHES[look % len(_HATCHES)], edgecolor="white", linewidth=0.5, label=label,
              error_kw={"elinewidth": 0.8, "capsize": 2, "capthick": 0.8})  # fmt: skip


def _bars_of(rows: pd.DataFrame) -> Any:
    """Computes the lengths of error bars below and above the means, ``[2, n]``; 0 where there is no interval."""
    halves = [error_bars(row) for _, row in rows.iterrows()]
    return np.hstack([np.zeros((2, 1)) if half is None else half for half in halves])


def _ticks(panel: Panel, values: Sequence[Any], places: Any, numeric: bool) -> None:
    """Sets a tick at each value where there are few; a wide range of numbers gets a logarithmic axis."""
    if numeric and min(values) > 0 and max(values) / min(values) >= SPREAD:
        panel.set_xscale("log")
    if not numeric or len(values) <= _MOST_TICKS:
        panel.xaxis.set_major_locator(FixedLocator(places.tolist()))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticks(places.tolist(), [value_text(value) for value in values])
    if not numeric:
        panel.set_xlim(places[0] - 0.6, places[-1] + 0.6)


def _legend(figure: Figure, panel: Panel) -> None:
    """Writes the names of curves above all panels, as many in a row as there is room for."""
    handles, labels = panel.get_legend_handles_labels()
    letters = max(map(len, labels)) + 6
    room = max(1, int(figure.get_figwidth() * 21 / letters))  # some 21 letters of this size to the inch
    rows = math.ceil(len(labels) / room)
    figure.legend(handles, labels, loc="outside upper center", ncols=math.ceil(len(labels) / rows), frameon=False,
                  handlelength=2.6, columnspacing=1.2)  # fmt: skip


def _all_curves(sweep: SweepResult, by: str) -> list[Any]:
    """Lists what curves can be, so that one keeps its colour in every figure of the sweep."""
    if by == ALLOCATOR:
        return sweep.allocators
    return sweep.variants if by == VARIANT else list(sweep.metrics[by].unique())


def _metric_label(metric: str) -> str:
    unit = metric_named(metric).unit
    return metric if unit == "1" else f"{metric} [{unit}]"


def _inches(width: str | float) -> float:
    if width in WIDTHS_IN:
        return WIDTHS_IN[str(width)]
    try:
        inches = float(width)
    except ValueError:
        inches = math.nan
    if not 1 <= inches <= 40:
        raise ScenarioError(f"width must be one, two or 1 to 40 inches, given {shown(width)}")
    return inches


def _require(given: str, known: Sequence[str], what: str) -> None:
    if given not in known:
        raise ScenarioError(f"{what} is {shown(given)}{did_you_mean(str(given), known)}")
