"""Draws how slices share the carrier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...plots.style import WIDTH_IN, Plot, headline, legend_below

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_SLICE_COLOURS = ("#88CCEE", "#DDCC77", "#CC6677", "#44AA99", "#AA4499", "#999933", "#BBBBBB")  # after Paul Tol


def plot_quotas(result: RunResult, variant: str | None = None, drop: int = 0) -> Figure:
    """Draws the share of the carrier that each slice holds over time, a panel per allocator, mean over cells.

    Args:
        result: the run, of the slicing family.
        variant: the variant to show; the first one if not given.
        drop: place of the drop to show. A mean over drops would hide how often quotas move.
    """
    variant = result.variants[0] if variant is None else variant
    columns = 1 if len(result.allocators) == 1 else 2
    rows = math.ceil(len(result.allocators) / columns)
    figure = Plot(figsize=(WIDTH_IN, 1.2 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for axes, allocator in zip(grid, result.allocators, strict=False):
        dataset = result.to_xarray(allocator, variant)
        _stack(axes, dataset.isel({"drop": drop}))
        axes.set_title(allocator, loc="left", fontsize=11)
    for axes in grid[len(result.allocators) :]:
        axes.set_visible(False)
    for axes in grid[: len(result.allocators)][-columns:]:
        axes.tick_params(labelbottom=True)
    for axes in grid[columns * (rows - 1) :]:
        axes.set_xlabel("time [s]")
    figure.supylabel("share of the cell's PRBs", fontsize=11)
    legend_below(figure, grid[0])
    where = f"drop {int(dataset['drop'][drop])}" + (", mean over cells" if dataset.sizes["cell"] > 1 else "")
    where = f"{where}, variant {variant}" if variant else where
    headline(figure, f"Quotas over time: how each allocator splits the carrier ({where})")
    return figure


def _stack(axes: Axes, dataset: xr.Dataset) -> None:
    """Draws shares of the slices, one on top of the other; what no slice holds stays white."""
    prbs = dataset["slice_prbs"].transpose("window", "cell", "slice").mean("cell").to_numpy()
    share = prbs / float(dataset.attrs["prbs"])
    end = dataset["time_s"].to_numpy()
    edges = np.concatenate([[end[0] - float(dataset.attrs["window_s"])], end])
    top = np.concatenate([np.zeros((len(share), 1)), np.cumsum(share, axis=1)], axis=1)
    for index, name in enumerate(dataset["slice_name"].to_numpy().tolist()):
        colour = _SLICE_COLOURS[index % len(_SLICE_COLOURS)]
        axes.stairs(top[:, index + 1], edges, baseline=top[:, index], fill=True, color=colour, label=str(name))
        axes.stairs(top[:, index + 1], edges, color="white", lw=0.8, baseline=None)
    axes.set(ylim=(0, 1), xlim=(edges[0], edges[-1]))
