"""Draws the distribution of packet delays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from .style import headline, legend_below, of_variants, panels_of, style_of
from .user_groups import histograms_by_group

if TYPE_CHECKING:
    from ..run_result import RunResult


def plot_delay_cdf(result: RunResult, variant: str | None = None) -> Figure:
    """Draws which share of the completed packets took at most how long, a panel per group, a curve per allocator.

    Args:
        result: the run, with histograms of delays.
        variant: the variant to show; packets of all variants together if not given.
    """
    found = histograms_by_group(result, variant, "delay_packets")
    some = {group: of for group, of in found.items() if any(counts.sum() > 0 for counts in of.values())}
    figure, panels = panels_of(list(some), 4.6, "delay [ms]")
    edges_ms = 1e3 * result.to_xarray(result.allocators[0], result.variants[0])["delay_edge_s"].to_numpy()
    for group, axes in panels.items():
        for place, (allocator, counts) in enumerate(some[group].items()):
            style = style_of(result, allocator)
            share = np.cumsum(counts) / max(float(counts.sum()), 1.0)
            width = 3.4 - 2.0 * place / len(some[group])
            axes.plot(edges_ms, share, color=style.colour, ls=style.dash, lw=width, label=allocator)
        axes.set(xscale="log", ylim=(0, 1.02))
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of packets at or below")
    legend_below(figure, figure.axes[0])
    headline(figure, f"Delays of packets: a curve further left is better{of_variants(result, variant, 'users')}")
    return figure
