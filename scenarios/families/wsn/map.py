"""Draws a round of a sensor field as a map: charges, heads, links; a panel per allocator."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mac.metrics.windows import Array

from ...errors import ScenarioError
from ...files import write_atomically
from ...plots.style import WIDTH_IN, Plot, headline, picture
from .graph import hops, round_graph
from .rounds import RoundChoice, RoundView, views

if TYPE_CHECKING:
    from ...run_result import RunResult

_MAP = "viridis"
_MANY = 500  # nodes; more are drawn smaller, and as pixels in an SVG too
_KINDS = ("png", "svg", "pdf")
_LINK, _TO_SINK = "0.55", "#D55E00"


def plot_clusters(result: RunResult, variant: str | None = None, choice: RoundChoice | None = None) -> Figure:
    """Draws charges, heads and links of one round of one drop, a panel per allocator.

    Args:
        result: the run, of a sensor field.
        variant: the variant to show; the first one if not given.
        choice: round, drop and allocators; the round is the end of the window nearest to the median over allocators
            of the first death if not given.

    Raises:
        ScenarioError: there is no such round, drop, allocator or variant.
    """
    choice = RoundChoice() if choice is None else choice
    shown = views(result, choice if variant is None else replace(choice, variant=variant))
    rows = math.ceil(len(shown) / 5)
    columns = math.ceil(len(shown) / rows)
    figure = Plot(figsize=(WIDTH_IN, 1.3 + rows * _panel_height(shown[0], columns)), layout="compressed")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    most = max(float(view.charge_j.max()) for view in shown)
    colours = ScalarMappable(Normalize(0.0, most or 1.0), _MAP)
    for axes, view in zip(grid, shown, strict=False):
        _panel(axes, view, colours)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[: len(shown)][-columns:]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("x [m]")
    for axes in grid[::columns]:
        axes.set_ylabel("y [m]")
    figure.colorbar(colours, ax=grid, label="charge after the round [J]", pad=0.01)
    figure.legend(handles=_marks(), loc="outside lower center", ncols=6, frameon=False, fontsize=10)
    first = shown[0]
    where = f"drop {first.drop}" + (f", variant {first.variant}" if first.variant else "")
    headline(figure, f"Round {first.round}: charges, heads and links ({where})")
    return figure


def save_map(result: RunResult, choice: RoundChoice, path: str | Path) -> Path:
    """Writes the map of a round as PNG, SVG or PDF, by the file's ending, and returns the path.

    Raises:
        ScenarioError: as :func:`plot_clusters`; or the file has another ending or cannot be written.
    """
    target = Path(path)
    kind = kind_of(target)
    write_atomically(target, picture(plot_clusters(result, choice=choice), kind))
    return target


def kind_of(path: Path) -> str:
    """Returns ``png``, ``svg`` or ``pdf``, by the file's ending.

    Raises:
        ScenarioError: it has another ending.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _KINDS:
        raise ScenarioError(f"a map is a .png, .svg or .pdf file, given {path}")
    return kind


def _panel_height(view: RoundView, columns: int) -> float:
    wide, tall = np.ptp(_corners(view), axis=0)
    return float(np.clip(((WIDTH_IN - 1.7) / columns - 0.1) * tall / wide, 1.6, 7.0)) + 0.6


def _corners(view: RoundView) -> Array:
    """Returns what a panel shows: the field and the sink, with a margin."""
    field, sink = view.scenario.field, view.scenario.sink
    around = np.array([[sink.x_m, sink.y_m]]) + sink.orbit_radius_m * np.array([[-1.0], [1.0]])
    points = np.concatenate([[[0.0, 0.0], [field.width_m, field.height_m]], around, view.position_m])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.04 * float((high - low).max())
    return np.stack([low - margin, high + margin])


def _panel(axes: Axes, view: RoundView, colours: ScalarMappable) -> None:
    (left, bottom), (right, top) = _corners(view)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.set_title(view.allocator, fontsize=11, pad=17)
    said = axes.annotate(_summary(view), (0.5, 1.0), (0, 5), "axes fraction", "offset points", ha="center", fontsize=8,
                         color="0.35")  # fmt: skip
    said.set_in_layout(False)  # wider than a narrow panel, which it must not make narrower
    field = view.scenario.field
    axes.plot(*np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]).T * [[field.width_m], [field.height_m]],
              color="0.8", lw=0.8, zorder=0)  # fmt: skip
    _links(axes, view)
    _nodes(axes, view, colours)
    axes.plot(*view.sink_m, **_SINK)


def _summary(view: RoundView) -> str:
    live = int(view.alive.sum())
    if live == 0:
        return f"all {len(view.alive)} dead"
    heads, far = int(view.head.sum()), max(hops(round_graph(view)).values())
    leads = f"{heads} head{'s' * (heads != 1)}" if heads else "no head"
    return f"{live} alive, {leads}, {far} hop{'s' * (far > 1)}"


def _links(axes: Axes, view: RoundView) -> None:
    here = view.position_m[view.alive]
    parent = view.parent[view.alive]
    ends = np.where((parent >= 0)[:, None], view.position_m[parent.clip(min=0)], np.array(view.sink_m))
    pairs = np.stack([here, ends], axis=1)
    thin = 0.4 if len(view.alive) > _MANY else 0.9
    for direct, colour, width in ((False, _LINK, thin), (True, _TO_SINK, 0.8 * thin)):
        lines = LineCollection(list(pairs[(parent < 0) == direct]), colors=colour, linewidths=width, zorder=1)
        lines.set_rasterized(len(view.alive) > _MANY)
        axes.add_collection(lines)


def _nodes(axes: Axes, view: RoundView, colours: ScalarMappable) -> None:
    many = len(view.alive) > _MANY
    size, line = (2.5, 0.3) if many else (20.0, 0.8)
    for some, mark, factor, edge in ((view.alive & ~view.head, "o", 1.0, "none"), (view.head, "s", 1.9, "black")):
        x, y = view.position_m[some].T
        cloud = axes.scatter(x, y, c=colours.to_rgba(view.charge_j[some]), s=factor * size, marker=mark,
                             edgecolors=edge, linewidths=line, zorder=3)  # fmt: skip
        cloud.set_rasterized(many)
    x, y = view.position_m[~view.alive].T
    axes.scatter(x, y, c="0.6", s=0.7 * size, marker="x", linewidths=line, zorder=2).set_rasterized(many)


_SINK: dict[str, Any] = {"marker": "^", "markersize": 10, "color": _TO_SINK, "markeredgecolor": "black",
                         "linestyle": "none", "clip_on": False, "zorder": 5}  # fmt: skip


def _marks() -> list[Line2D]:
    plain: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "0.75"}
    return [
        Line2D([], [], marker="o", markeredgecolor="none", label="node", **plain),
        Line2D([], [], marker="s", markeredgecolor="black", label="head: fuses", **plain),
        Line2D([], [], marker="x", markeredgecolor="0.6", label="dead", linestyle="none"),
        Line2D([], [], **_SINK, label="sink"),
        Line2D([], [], color=_LINK, label="to a node"),
        Line2D([], [], color=_TO_SINK, label="to the sink"),
    ]
