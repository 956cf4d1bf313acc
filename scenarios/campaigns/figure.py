"""Draws figures for a paper: a metric against a key, with 95 % intervals, in the widths of its columns.

Colours are those of Okabe and Ito, told apart by colour-blind readers; markers, dashes and hatches tell curves and bars
apart in black and white. Widths are those of IEEE's journals, 3.5 and 7.16 inch; fonts are embedded as TrueType.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes as Panel
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from mac.metrics.registry import metric_named
from mac.metrics.windows import Array

from ..errors import ScenarioError, did_you_mean, shown
from ..plots.style import Plot, error_bars, style_at
from .points import value_text
from .selection import ALLOCATOR, VARIANT, Axes, axes_of, is_numeric, require_labels, select, values_of
from .sweep_result import SweepResult

WIDTHS_IN = {"one": 3.5, "two": 7.16}
KINDS = ("line", "bar")
INTERVALS = ("bar", "band")
_HEIGHT_IN = 2.4
_MOST_TICKS = 9
_ASIDE_IN = 4.5 / 72  # between curves of one place, at most: as wide as the caps of their intervals
_MARGIN = 0.6  # beside the first and the last of values that are no numbers, which are 1 apart
_FRAME_IN = 0.5  # what the vertical axis takes of the width
_LETTERS = 21  # letters of a legend or of ticks to the inch
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
    labels: Mapping[str, str] | None = None,
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
        labels: name of a key, metric, allocator or variant -> the text that stands for it; units stay.

    Raises:
        ScenarioError: a name that the sweep does not have, or a key that is on no axis.
    """
    _require(kind, KINDS, "kind")
    _require(interval, INTERVALS, "interval")
    axes = axes_of(sweep, x, y, by, columns, at)
    table = select(sweep, axes, variant)
    known = [*sweep.keys, axes.y, *sweep.allocators, *(name for name in sweep.variants if name), ALLOCATOR]
    look = _Look(kind, interval, require_labels(labels or {}, known))
    panels = [None] if columns is None else values_of(sweep, table, columns)
    with mpl.rc_context(_PRINT):
        figure = Plot(figsize=(_inches(width or ("one" if columns is None else "two")), _HEIGHT_IN),
                      layout="constrained", label=f"{axes.y.replace('/', '-')}-{axes.x}")  # fmt: skip
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0].tolist()
        for value, panel in zip(panels, grid, strict=True):
            part = table if columns is None else table[table[columns] == value]
            _panel(panel, sweep, part, axes, look)
            if columns is not None:
                panel.set_title(look.title(columns, value))
        grid[0].set_ylabel(look.metric(axes.y))
        _legend(figure, grid[0], "" if by in (ALLOCATOR, VARIANT) else look.word(by))
        figure.canvas.draw()  # lays it out with the sizes of this block
    return figure


@dataclass(frozen=True)
class _Look:
    """Describes how curves are drawn, and the words that stand for names."""

    kind: str
    interval: str
    words: Mapping[str, str]

    @property
    def is_line(self) -> bool:
        """Checks whether curves are lines, not bars."""
        return self.kind == "line"

    def word(self, value: Any) -> str:
        """Writes a name, or a value of a key."""
        text = value_text(value)
        return self.words.get(text, text)

    def title(self, key: str, value: Any) -> str:
        """Writes what a panel shows: ``carrier.prbs = 25``; an allocator or a variant alone."""
        return self.word(value) if key in (ALLOCATOR, VARIANT) else f"{self.word(key)} = {self.word(value)}"

    def metric(self, name: str) -> str:
        """Writes a metric with its unit."""
        unit = metric_named(name).unit
        return self.word(name) if unit == "1" else f"{self.word(name)} [{unit}]"


@dataclass(frozen=True)
class _Curve:
    """Holds what is drawn of one curve, or of the bars of one colour.

    Attributes:
        label: its name in the legend.
        number: by which its style is chosen.
        places: on the horizontal axis.
        rows: mean and interval at each place, NaN where there is none.
    """

    label: str
    number: int
    places: Any
    rows: pd.DataFrame


def _panel(panel: Panel, sweep: SweepResult, table: pd.DataFrame, axes: Axes, look: _Look) -> None:
    """Draws the curves or the groups of bars of one panel."""
    values, names = values_of(sweep, table, axes.x), _all_curves(sweep, axes.by)
    numeric = is_numeric(values) and look.is_line
    places = np.array(values, dtype=float) if numeric else np.arange(len(values), dtype=float)
    _ticks(panel, places, [look.word(value) for value in values], numeric)
    curves = [
        _Curve(look.word(curve), names.index(curve), places,
               table[table[axes.by] == curve].set_index(axes.x).reindex(values))
        for curve in values_of(sweep, table, axes.by)
    ]  # fmt: skip
    if look.is_line:
        aside_in = _aside_in(_gaps_in(panel, places, numeric), len(curves)) if look.interval == "bar" else 0.0
        for curve, side in _sides(curves):
            _line(panel, curve, side * aside_in, joined=numeric, band=look.interval == "band")
    else:
        for curve, side in _sides(curves):
            _bars(panel, curve, side * 0.8 / len(curves), 0.8 / len(curves))
    panel.set_xlabel(look.word(axes.x))
    panel.grid(axis="both" if look.is_line else "y", alpha=0.35)
    panel.set_axisbelow(True)


def _sides(curves: Sequence[_Curve]) -> Iterator[tuple[_Curve, float]]:
    """Yields each curve with its place among the others: -1, 0, 1 for three."""
    for index, curve in enumerate(curves):
        yield curve, index - (len(curves) - 1) / 2


def _aside_in(gaps_in: Array, curves: int) -> float:
    """Computes how far curves stand aside of each other, in inches; all together take half of a gap at most."""
    return float(min(_ASIDE_IN, 0.5 * gaps_in.min(initial=math.inf) / curves))


def _gaps_in(panel: Panel, places: Any, numeric: bool) -> Array:
    """Estimates the inches between neighbours on the horizontal axis, before there is a layout."""
    along = np.log(places) if panel.get_xscale() == "log" else places
    width_in = panel.figure.bbox.width / panel.figure.dpi / len(panel.figure.axes) - _FRAME_IN
    return np.asarray(width_in * np.diff(along) / (1.1 * np.ptp(along) if numeric else np.ptp(along) + 2 * _MARGIN))


def _line(panel: Panel, curve: _Curve, aside_in: float, *, joined: bool, band: bool) -> None:
    """Draws a curve, moved sideways without a change of its data, so that intervals do not hide."""
    style, known = style_at(curve.number), curve.rows["mean"].notna().to_numpy()
    rows, places = curve.rows[known], curve.places[known]
    drawn = panel.errorbar(places, rows["mean"], yerr=None if band else _bars_of(rows), color=style.colour,
                           marker=style.marker, linestyle=style.dash if joined else "none", label=curve.label,
                           capsize=2, elinewidth=0.8, capthick=0.8, markeredgecolor="white",
                           markeredgewidth=0.4)  # fmt: skip
    for artist in drawn.get_children():  # its limits are those of the data
        artist.set_transform(panel.transData + ScaledTranslation(aside_in, 0, panel.figure.dpi_scale_trans))
    if band:
        panel.fill_between(places, rows["ci95_low"], rows["ci95_high"], facecolor=to_rgba(style.colour, 0.15),
                           edgecolor=to_rgba(style.colour, 0.8), linewidth=0.5, linestyle=style.dash)  # fmt: skip


def _bars(panel: Panel, curve: _Curve, aside: float, width: float) -> None:
    """Draws the bars of one colour."""
    panel.bar(curve.places + aside, curve.rows["mean"], width, yerr=_bars_of(curve.rows), label=curve.label,
              color=style_at(curve.number).colour, alpha=0.85, hatch=_HATCHES[curve.number % len(_HATCHES)],
              edgecolor="white", linewidth=0.5,
              error_kw={"elinewidth": 0.8, "capsize": 2, "capthick": 0.8})  # fmt: skip


def _bars_of(rows: pd.DataFrame) -> Any:
    """Computes the lengths of error bars below and above the means, ``[2, n]``; 0 where there is no interval."""
    halves = [error_bars(row) for _, row in rows.iterrows()]
    return np.hstack([np.zeros((2, 1)) if half is None else half for half in halves])


def _ticks(panel: Panel, places: Any, texts: Sequence[str], numeric: bool) -> None:
    """Sets a tick at each value where there are few; a wide range of numbers gets a logarithmic axis."""
    if numeric and places[0] > 0 and places[-1] / places[0] >= SPREAD:
        panel.set_xscale("log")
    if not numeric or len(texts) <= _MOST_TICKS:
        panel.xaxis.set_major_locator(FixedLocator(places.tolist()))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticks(places.tolist(), texts)
        widths_in = np.array([len(text) + 1 for text in texts]) / _LETTERS
        if np.any((widths_in[1:] + widths_in[:-1]) / 2 > _gaps_in(panel, places, numeric)):
            for text in panel.get_xticklabels():
                text.set(rotation=25, ha="right", rotation_mode="anchor")
    if not numeric:
        panel.set_xlim(places[0] - _MARGIN, places[-1] + _MARGIN)


def _legend(figure: Figure, panel: Panel, title: str) -> None:
    """Writes the names of curves above all panels, as many in a row as there is room for."""
    handles, labels = panel.get_legend_handles_labels()
    letters = max(map(len, labels)) + 6
    room = max(1, int(figure.get_figwidth() * _LETTERS / letters))
    rows = math.ceil(len(labels) / room)
    figure.legend(handles, labels, loc="outside upper center", ncols=math.ceil(len(labels) / rows), frameon=False,
                  handlelength=2.6, columnspacing=1.2, title=title, title_fontsize=7)  # fmt: skip


def _all_curves(sweep: SweepResult, by: str) -> list[Any]:
    """Lists what curves can be, so that one keeps its colour in every figure of the sweep."""
    if by == ALLOCATOR:
        return sweep.allocators
    return sweep.variants if by == VARIANT else list(sweep.metrics[by].unique())


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
