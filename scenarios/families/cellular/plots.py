"""Draws where cells and UEs are, how well UEs hear their cell, and how they change cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mac.metrics.windows import Array, group_masks

from ...plots.style import WIDTH_IN, Plot, headline

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_GROUP_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")
_GROUP_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_CELL_COLOURS = ("#88CCEE", "#DDCC77", "#CC6677", "#44AA99", "#AA4499", "#999933", "#BBBBBB", "#EE8866", "#77AADD")
_TRACKS = 9  # UEs whose way is drawn


def plot_map(result: RunResult, variant: str | None = None, drop: int = 0) -> Figure:
    """Draws sites and UEs of a drop at its start, coloured by their SINR at full load.

    Args:
        result: the run.
        variant: the variant to show; the first one if not given.
        drop: place of the drop to show.
    """
    dataset = _windows(result, variant).isel({"drop": drop})
    figure = Plot(figsize=(WIDTH_IN, 7.0), layout="constrained")
    axes = figure.subplots()
    sinr = dataset["geometry_db"].to_numpy()
    for place, (group, mask) in enumerate(_groups(dataset).items()):
        dots = axes.scatter(
            dataset["user_x_m"].to_numpy()[mask], dataset["user_y_m"].to_numpy()[mask], c=sinr[mask], cmap="viridis",
            vmin=float(sinr.min()), vmax=float(sinr.max()), s=34, marker=_GROUP_MARKERS[place % len(_GROUP_MARKERS)],
            edgecolors="0.3", linewidths=0.4, label=f"{group} users" if group else "users", zorder=3,
        )  # fmt: skip
    _cells(axes, dataset)
    figure.colorbar(dots, ax=axes, label="SINR with all cells at full power [dB]", pad=0.01)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.08), ncols=4, frameon=False, fontsize=10)
    headline(figure, f"Cells and UEs at the start ({_where(result, dataset, variant)})")
    return figure


def plot_sinr_cdf(result: RunResult, variant: str | None = None) -> Figure:
    """Draws the distribution of the UEs' SINR at full load, a curve per group, all drops together.

    Args:
        result: the run.
        variant: the variant to show; the first one if not given.
    """
    dataset = _windows(result, variant)
    figure = Plot(figsize=(WIDTH_IN, 4.6), layout="constrained")
    axes = figure.subplots()
    for place, (group, mask) in enumerate(_groups(dataset).items()):
        values = np.sort(dataset["geometry_db"].transpose("drop", "user").to_numpy()[:, mask].ravel())
        values, share = np.concatenate([values[:1], values]), np.arange(len(values) + 1) / len(values)
        label = f"{group} users ({len(values) - 1})" if group else f"all {len(values) - 1} users"
        axes.step(values, share, where="post", color=_GROUP_COLOURS[place % len(_GROUP_COLOURS)], lw=1.8, label=label)
    axes.set(ylim=(0, 1.02), xlabel="SINR with all cells at full power [dB]", ylabel="share of UEs at or below")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=10)
    drops = dataset.sizes["drop"]
    headline(figure, f"SINR of the UEs, without fast fading ({drops} drop{'s' if drops > 1 else ''})")
    return figure


def plot_mobility(result: RunResult, variant: str | None = None, drop: int = 0) -> Figure:
    """Draws the ways of some UEs on a map, and beside it the cell that serves each of them over time.

    Of each group those UEs are shown that change their cell most often.

    Args:
        result: the run, of a scenario in which UEs move.
        variant: the variant to show; the first one if not given.
        drop: place of the drop to show.
    """
    dataset = _windows(result, variant).isel({"drop": drop})
    shown = _most_handed_over(dataset)
    figure = Plot(figsize=(WIDTH_IN, 5.6), layout="constrained")
    served = "serving_cell" in dataset.coords
    panels = figure.subplots(1, 1 + served, squeeze=False)[0].tolist()
    colours = {group: _GROUP_COLOURS[i % len(_GROUP_COLOURS)] for i, group in enumerate(_groups(dataset))}
    for user, group in shown:
        x, y = _broken(dataset, user)
        panels[0].plot(x, y, color=colours[group], lw=1.6, zorder=3)
        panels[0].plot(x[:1], y[:1], "o", color=colours[group], ms=5, zorder=4)
        panels[0].annotate(f"{user}", (x[0], y[0]), xytext=(4, 3), textcoords="offset points", fontsize=8, zorder=5)
    _cells(panels[0], dataset, numbers=True)
    handles = [Line2D([], [], color=colour, lw=2, label=f"{group} users" if group else "users")
               for group, colour in colours.items()]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=10)
    if served:
        _serving(panels[1], dataset, shown)
    headline(figure, f"Ways of UEs, and the cells that serve them ({_where(result, dataset, variant)})")
    return figure


def _windows(result: RunResult, variant: str | None) -> xr.Dataset:
    """Returns the windows of the first allocator: where UEs are is the same for all."""
    return result.to_xarray(result.allocators[0], result.variants[0] if variant is None else variant)


def _groups(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    masks = group_masks(dataset)
    return {name: mask for name, mask in masks.items() if name} or masks


def _where(result: RunResult, dataset: xr.Dataset, variant: str | None) -> str:
    variant = result.variants[0] if variant is None else variant
    return f"drop {int(dataset['drop'])}" + (f", variant {variant}" if variant else "")


def _cells(axes: Axes, dataset: xr.Dataset, numbers: bool = False) -> None:
    """Draws the sites, the direction of each sector, and the numbers of the cells."""
    x, y, azimuth = (dataset[name].to_numpy() for name in ("cell_x_m", "cell_y_m", "azimuth_rad"))
    axes.plot(x, y, "^", color="black", ms=7, zorder=4)
    reach = 0.06 * max(np.ptp(dataset["user_x_m"].to_numpy()), np.ptp(dataset["user_y_m"].to_numpy()), 1.0)
    for cell, angle in enumerate(azimuth):
        towards = np.array([np.cos(angle), np.sin(angle)]) * reach if np.isfinite(angle) else np.zeros(2)
        if towards.any():
            axes.plot([x[cell], x[cell] + towards[0]], [y[cell], y[cell] + towards[1]], color="black", lw=1.4, zorder=3)
        if numbers:
            axes.text(x[cell] + 1.5 * towards[0], y[cell] + 1.5 * towards[1], f"{cell}", fontsize=8, color="0.35",
                      ha="center", va="center", zorder=2)  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xlabel="x [m]", ylabel="y [m]")
    axes.grid(alpha=0.3)


def _most_handed_over(dataset: xr.Dataset) -> list[tuple[int, str]]:
    """Returns numbers and groups of the UEs that are shown, as many of each group."""
    groups = _groups(dataset)
    moved = np.zeros(dataset.sizes["user"])
    if "serving_cell" in dataset.coords:
        moved = (np.diff(dataset["serving_cell"].transpose("window", "user").to_numpy(), axis=0) != 0).sum(axis=0)
    each = max(1, _TRACKS // len(groups))
    chosen = {
        name: np.flatnonzero(mask)[np.argsort(-moved[mask], kind="stable")[:each]] for name, mask in groups.items()
    }
    return [(user, name) for name, users in chosen.items() for user in sorted(users.tolist())]


def _broken(dataset: xr.Dataset, user: int) -> tuple[Array, Array]:
    """Returns the way of a UE, broken where wrap-around moves it to the other side of the network."""
    way = np.stack(
        [dataset[f"track_{axis}_m"].transpose("window", "user").to_numpy()[:, user] for axis in "xy"], axis=1
    )
    start = np.array([[dataset[f"user_{axis}_m"].to_numpy()[user] for axis in "xy"]])
    way = np.concatenate([start, way]).astype(np.float64)
    step = np.linalg.norm(np.diff(way, axis=0), axis=1)
    jumps = np.flatnonzero(step > max(10 * float(np.median(step)), 100.0)) + 1
    return np.insert(way[:, 0], jumps, np.nan), np.insert(way[:, 1], jumps, np.nan)


def _serving(axes: Axes, dataset: xr.Dataset, shown: list[tuple[int, str]]) -> None:
    """Draws a bar per UE, cut where its serving cell changes; the number of the cell stands in its part."""
    cells, time_s = dataset["serving_cell"].transpose("window", "user").to_numpy(), dataset["time_s"].to_numpy()
    edges = np.concatenate([[time_s[0] - float(dataset.attrs["window_s"])], time_s])
    for row, (user, _) in enumerate(shown):
        own = cells[:, user]
        cuts = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)]
        for begin, end in pairwise(cuts):
            cell, left, right = int(own[begin]), edges[begin], edges[end]
            axes.barh(row, right - left, left=left, color=_CELL_COLOURS[cell % len(_CELL_COLOURS)], edgecolor="white")
            if right - left > 0.05 * (edges[-1] - edges[0]):
                axes.text((left + right) / 2, row, f"{cell}", ha="center", va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [f"{group} {user}" if group else f"{user}" for user, group in shown])
    axes.set(ylim=(len(shown) - 0.5, -0.5), xlim=(edges[0], edges[-1]), xlabel="time [s]", title="serving cell")
