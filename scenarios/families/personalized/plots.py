"""Draws the Pareto front of PRBs and satisfaction, with the allocators on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from allocators.personalized.cell import CellUsers
from allocators.personalized.front import dynamic_programming
from mac.metrics.windows import Array, nan_mean, read
from mac.personalized import Zones

from ...plots.style import BAR, WIDTH_IN, Plot, error_bars, headline, legend_below, style_of, summary_row

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_MOST_FRONTS = 60
_UNITS_PER_PRB = 2


def plot_front(result: RunResult, variant: str | None = None) -> Figure:
    """Draws satisfaction against the share of PRBs, a panel per variant.

    Args:
        result: the run, of the family personalized.
        variant: the variant to show; all of them if not given.
    """
    shown = result.variants if variant is None else [variant]
    figure = Plot(figsize=(WIDTH_IN, 4.6), layout="constrained")
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0].tolist()
    for axes, name in zip(panels, shown, strict=True):
        dataset = result.to_xarray(result.allocators[0], name)
        share, best = mean_front(dataset)
        axes.plot(share, best, color="0.35", lw=1.8, label="exact front", zorder=2)
        axes.axhline(float(dataset.attrs["target"]), color="0.6", lw=0.9, ls=":", zorder=1)
        for allocator in result.allocators:
            _mark(axes, result, allocator, name)
        axes.set(xlabel="share of PRBs allotted", xlim=(0, 1.03), ylim=(0, 1.03))
        axes.set_title("" if name is None else f"variant {name}", loc="left", fontsize=11)
    panels[0].set_ylabel("mean satisfaction")
    legend_below(figure, panels[0])
    headline(figure, "Resources against satisfaction: full markers delivered, empty ones promised, dotted the target")
    return figure


def _mark(axes: Axes, result: RunResult, allocator: str, variant: str | None) -> None:
    """Draws what an allocator delivered and what it promised."""
    style = style_of(result, allocator)
    rows = [summary_row(result, name, allocator, variant) for name in ("allotted_share", "personal_satisfaction")]
    promised = summary_row(result, "promised_satisfaction", allocator, variant)
    used, delivered = rows
    if used is None or delivered is None or promised is None:
        return
    axes.errorbar(used["mean"], delivered["mean"], xerr=error_bars(used), yerr=error_bars(delivered),
                  color=style.colour, marker=style.marker, label=allocator, **BAR)  # fmt: skip
    axes.plot(used["mean"], promised["mean"], marker=style.marker, mfc="none", mec=style.colour, ms=8, ls="none",
              zorder=3)  # fmt: skip
    axes.plot([used["mean"]] * 2, [delivered["mean"], promised["mean"]], color=style.colour, lw=0.8, zorder=3)


def mean_front(dataset: xr.Dataset) -> tuple[Array, Array]:
    """Computes the greatest mean satisfaction of each share of PRBs, by the true zones and the last reports.

    Cells and windows are a sample of at most 60, evenly spaced. Without targets, and so above all allotments; exact on
    a grid of halves of a PRB.

    Returns:
        Shares ``[points]`` and satisfaction ``[points]``.
    """
    shape, prbs = str(dataset.attrs["shape"]), int(dataset.attrs["prbs"])
    ends = [read(dataset, name) for name in ("adequate_bps", "desired_bps", "bps_per_prb")]
    serving = dataset["serving"].transpose("drop", "user").to_numpy()
    places = [(b, w, c) for b, w in np.ndindex(ends[0].shape[:2]) for c in range(int(dataset.attrs["cells"]))]
    step = -(-len(places) // _MOST_FRONTS)
    fronts = []
    for drop, window, cell in places[::step]:
        here = serving[drop] == cell
        low, high, rate = (torch.from_numpy(values[drop, window][here]) for values in ends)
        reached = rate > 0
        if bool(reached.any()):
            ues = CellUsers(rate[reached], Zones(low[reached], high[reached]), prbs, shape, 0.0)  # type: ignore[arg-type]
            front = dynamic_programming(ues, prbs, _UNITS_PER_PRB)[0].satisfaction.numpy()
            fronts.append(front * int(reached.sum()) / len(rate))
    return np.arange(len(fronts[0])) / (len(fronts[0]) - 1), nan_mean(np.stack(fronts), axis=0)
