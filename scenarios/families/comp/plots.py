"""Draws an outage of a UE in a CoMP market: its rates, the prices, and a map of its cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mac.metrics.windows import MBIT, Array, Mask, add, divide, nan_mean, read

from ...plots.style import WIDTH_IN, Plot, headline, legend_below, style_of

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_OLD, _NEW, _OTHER, _OUTAGE = "#0072B2", "#009E73", "#E69F00", "0.85"
_CELL = ("drop", "window", "cell")
_AROUND_S = 1.0  # shown before and after an outage


@dataclass(frozen=True)
class Outage:
    """Holds the longest outage of a run, by places in its arrays."""

    drop: int
    user: int
    first: int  # window
    last: int

    @classmethod
    def longest(cls, dataset: xr.Dataset) -> Outage:
        """Finds the longest sequence of windows with a broken serving link in which data were delivered.

        Those that a handover ends come first, then those that begin and end within the run; of equally long ones that
        with the most bits of other cells.
        Without any, it is the first window.
        """
        broken, other, serving = (read(dataset, name) for name in ("outage_s", "other_cell_bits", "serving_cell"))
        best, found = (False, False, 0, 0.0), cls(0, 0, 0, 0)
        for drop, user in np.ndindex(broken.shape[0], broken.shape[2]):
            for first, last in _runs(broken[drop, :, user] > 0):
                within = first > 0 and last < broken.shape[1]
                cells = serving[drop, first : last + 1, user]
                bits = float(other[drop, first:last, user].sum())
                size = (within and bool((cells != cells[0]).any()), within, last - first, bits)
                if size > best and bits > 0:
                    best, found = size, cls(drop, user, first, last - 1)
        return found


def plot_corner(result: RunResult, variant: str | None = None) -> Figure:
    """Draws the rate of one UE through an outage by where it comes from, a panel per allocator.

    Args:
        result: the run, of the family comp.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    shown = _some(result)
    outage = Outage.longest(result.to_xarray(shown[-1], variant))
    figure = Plot(figsize=(WIDTH_IN, 1.5 + 1.9 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for axes, allocator in zip(grid, shown, strict=True):
        dataset = result.to_xarray(allocator, variant)
        _stack(axes, dataset, outage)
        axes.set_title(allocator, loc="left", fontsize=11)
    grid[-1].set_xlabel("time [s]")
    figure.supylabel("rate [Mbit/s]", fontsize=11)
    legend_below(figure, grid[0])
    where = f"UE {outage.user} of drop {int(dataset['drop'][outage.drop])}"
    headline(figure, f"A broken link: {where} buys from other cells while its serving link is broken")
    return figure


def plot_prices(result: RunResult, variant: str | None = None) -> Figure:
    """Draws money paid over PRBs sold in each window, a line per allocator that has prices, and the reserve.

    Args:
        result: the run, of the family comp.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    figure = Plot(figsize=(WIDTH_IN, 4.6), layout="constrained")
    axes = figure.subplots()
    for allocator in result.allocators:
        dataset = result.to_xarray(allocator, variant)
        price = _mean_price(dataset)
        if np.nansum(price) > 0:
            style = style_of(result, allocator)
            axes.plot(dataset["time_s"], price, color=style.colour, linestyle=style.dash, label=allocator, lw=2)
    dataset = result.to_xarray(result.allocators[0], variant)
    cells = dataset.sizes["cell"]
    asked = divide(add(read(dataset, "reserve", _CELL)), cells * read(dataset, "markets", ("drop", "window")))
    axes.plot(dataset["time_s"], nan_mean(asked, 0), color="0.4", ls=":", lw=2, label="reserve, mean of cells")
    axes.set(xlabel="time [s]", ylabel="money per PRB and interval", xlim=(float(dataset["time_s"][0]), None))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    legend_below(figure, axes)
    headline(figure, "Prices rise while many UEs are in outage, or own UEs have much to send")
    return figure


def plot_supply_and_demand(result: RunResult, variant: str | None = None) -> Figure:
    """Draws PRBs offered and sold, and money offered and paid, in each market, mean over drops.

    What is offered depends a little on the allocator, as UEs without data waiting do not buy: the greatest is drawn.

    Args:
        result: the run, of the family comp.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    figure = Plot(figsize=(WIDTH_IN, 6.4), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    runs = {allocator: result.to_xarray(allocator, variant) for allocator in result.allocators}
    time_s = runs[result.allocators[0]]["time_s"].to_numpy()
    names = (("offered", "sold", "PRB", _CELL), ("budget", "paid", "money", ("drop", "window", "user")))
    for axes, (offered, traded, unit, over) in zip(panels, names, strict=True):
        most = np.max([_per_market(run, offered, over) for run in runs.values()], axis=0)
        axes.fill_between(time_s, most, step="mid", color=_OUTAGE, label="offered")
        for allocator, run in runs.items():
            values = _per_market(run, traded, over)
            if values.sum() > 0:
                look = style_of(result, allocator)
                axes.step(time_s, values, where="mid", color=look.colour, ls=look.dash, label=allocator, lw=2)
        axes.set(ylabel=unit, xlim=(time_s[0], time_s[-1]))
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[0].set_title("PRBs that cells offer to UEs in outage, and sell", loc="left", fontsize=11)
    panels[1].set_title("Budgets of these UEs, and what they pay", loc="left", fontsize=11)
    panels[1].set_xlabel("time [s]")
    legend_below(figure, panels[0])
    headline(figure, "Supply and demand in a market, mean over drops")
    return figure


def plot_cluster(result: RunResult, variant: str | None = None) -> Figure:
    """Draws cells and UEs in the middle of the outage that ``corner`` shows.

    Args:
        result: the run, of the family comp.
        variant: the variant to show; the first one if not given.
    """
    variant = result.variants[0] if variant is None else variant
    dataset = result.to_xarray(_some(result)[-1], variant)
    outage = Outage.longest(dataset)
    window = (outage.first + outage.last) // 2
    now = dataset.isel({"drop": outage.drop, "window": window})
    figure = Plot(figsize=(WIDTH_IN, 7.2), layout="compressed")
    axes = figure.subplots()
    _draw_map(axes, now, outage.user)
    time = float(dataset["time_s"][window])
    headline(figure, f"The cluster of UE {outage.user} at {time:g} s: its link is broken, other cells sell PRBs")
    return figure


def _some(result: RunResult) -> list[str]:
    """Chooses the first allocator, without CoMP where the scenario begins with that, and the second one."""
    return list(result.allocators[:2])


def _runs(broken: Mask) -> list[tuple[int, int]]:
    """Finds sequences of true values as pairs of first and behind the last."""
    change = np.flatnonzero(np.diff(np.concatenate([[0], broken.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in change.reshape(-1, 2)]


def _stack(axes: Axes, dataset: xr.Dataset, outage: Outage) -> None:
    """Draws rates of the first serving cell, of later ones and of other cells on top of each other."""
    window_s, end = float(dataset.attrs["window_s"]), dataset["time_s"].to_numpy()
    around = round(_AROUND_S / window_s)
    some = slice(max(0, outage.first - around), min(len(end), outage.last + 1 + around))
    served, other, serving = (
        read(dataset, name)[outage.drop, some, outage.user]
        for name in ("served_bits", "other_cell_bits", "serving_cell")
    )
    broken = read(dataset, "outage_s")[outage.drop, some, outage.user] / window_s
    edges = np.concatenate([[end[some][0] - window_s], end[some]])
    own = (served - other) / window_s / MBIT
    old = serving == serving[0]
    low = np.zeros_like(own)
    parts = (
        (np.where(old, own, 0.0), _OLD, f"serving cell {int(serving[0])}"),
        (np.where(old, 0.0, own), _NEW, "new serving cell"),
        (other / window_s / MBIT, _OTHER, "bought from other cells"),
    )
    for value, colour, label in parts:
        axes.stairs(low + value, edges, baseline=low, fill=True, color=colour, label=label)
        low = low + value
    top = max(float(low.max()) * 1.1, 1e-3)
    whole = axes.get_xaxis_transform()  # from the bottom to the top of the panel
    axes.fill_between(
        np.repeat(edges, 2)[1:-1], 0, np.repeat(broken, 2), transform=whole, color=_OUTAGE, zorder=0, label="outage"
    )
    axes.set(ylim=(0, max(top, axes.get_ylim()[1])), xlim=(edges[0], edges[-1]))


def _mean_price(dataset: xr.Dataset) -> Array:
    """Computes money over PRBs of all drops, ``[windows]``; NaN where nothing is sold."""
    paid = add(add(read(dataset, "paid")), axis=0)
    return divide(paid, add(add(read(dataset, "sold", _CELL)), axis=0))


def _per_market(dataset: xr.Dataset, name: str, over: tuple[str, ...]) -> Array:
    """Sums a record over cells or UEs and averages it over the markets of all drops, ``[windows]``; 0 without any."""
    total = add(add(read(dataset, name, over)), axis=0)
    return np.nan_to_num(divide(total, add(read(dataset, "markets", ("drop", "window")), axis=0)))


def _draw_map(axes: Axes, now: xr.Dataset, user: int) -> None:
    """Draws one window of one drop: cells, UEs, the UE in question and its serving cell."""
    x, y = now["track_x_m"].to_numpy(), now["track_y_m"].to_numpy()
    cell_x, cell_y = now["cell_x_m"].to_numpy(), now["cell_y_m"].to_numpy()
    serving, sold = int(now["serving_cell"][user]), now["sold"].to_numpy()
    broken = now["outage_s"].to_numpy() > 0
    axes.scatter(cell_x, cell_y, marker="^", s=90, color="0.5", zorder=3)
    some = sold > 0
    size = 200 + 40 * sold[some]
    axes.scatter(cell_x[some], cell_y[some], s=size, facecolors="none", edgecolors=_OTHER, lw=2, zorder=2)
    for number, (left, up) in enumerate(zip(cell_x, cell_y, strict=True)):
        axes.annotate(f"{number}", (left, up), xytext=(8, 8), textcoords="offset points")
    axes.scatter(x[~broken], y[~broken], s=30, color=_OLD, zorder=3)
    axes.scatter(x[broken], y[broken], s=40, color="#D55E00", zorder=3)
    axes.plot([x[user], cell_x[serving]], [y[user], cell_y[serving]], color=_OLD, ls="--", zorder=1)
    axes.scatter(x[user], y[user], marker="*", s=260, color="#D55E00", edgecolors="black", zorder=4)
    axes.set(xlabel="x [m]", ylabel="y [m]", aspect="equal")
    axes.grid(alpha=0.3)
    kinds = (
        ("^", "0.5", "cell"),
        ("o", _OTHER, "cell that sold PRBs"),
        ("o", _OLD, "UE"),
        ("o", "#D55E00", "UE in outage"),
        ("*", "#D55E00", f"UE {user}, dashed to its serving cell"),
    )
    marks = [
        Line2D([], [], marker=marker, color=colour, ls="none", label=label, fillstyle=_fill(colour))
        for marker, colour, label in kinds
    ]
    axes.figure.legend(handles=marks, loc="outside lower center", ncols=5, frameon=False)


def _fill(colour: str) -> Literal["none", "full"]:
    """Returns how a mark of the legend is filled: sellers are rings."""
    return "none" if colour == _OTHER else "full"
