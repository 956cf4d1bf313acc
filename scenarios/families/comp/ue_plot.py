"""Draws some seconds of one UE in a CoMP market: serving cell, SINR, rate by source, money paid, promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mac.metrics.satisfaction import sla_met
from mac.metrics.windows import MBIT, Array, read

from ...plots.style import WIDTH_IN, Plot, headline
from .plots import Outage

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

_SHOWN_S = 10.0
_SERVING, _BOUGHT, _KEPT, _BROKEN, _OUTAGE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "0.88"


@dataclass(frozen=True)
class Stretch:
    """Holds what is drawn of one UE: arrays over some windows."""

    dataset: xr.Dataset
    drop: int
    user: int
    windows: slice
    outage_db: float

    @classmethod
    def around(cls, dataset: xr.Dataset, outage: Outage, outage_db: float) -> Stretch:
        """Chooses ten seconds with an outage in their middle, or what the run has of them."""
        count = dataset.sizes["window"]
        most = min(count, round(_SHOWN_S / float(dataset.attrs["window_s"])))
        first = min(max(0, (outage.first + outage.last + 1 - most) // 2), count - most)
        return cls(dataset, outage.drop, outage.user, slice(first, first + most), outage_db)

    @property
    def edges(self) -> Array:
        """Returns the times at which windows begin and end, in s."""
        window_s = float(self.dataset.attrs["window_s"])
        end = self.dataset["time_s"].to_numpy()[self.windows]
        return np.asarray(np.concatenate([[end[0] - window_s], end]), dtype=np.float64)

    def of(self, name: str) -> Array:
        """Reads a variable of the UE."""
        return read(self.dataset, name)[self.drop, self.windows, self.user]

    def rate(self, name: str) -> Array:
        """Reads bits as Mbit/s."""
        return self.of(name) / float(self.dataset.attrs["window_s"]) / MBIT

    @property
    def kept(self) -> Array:
        """Returns 1 where the promise was kept, 0 where not, NaN where nothing was asked for."""
        return sla_met(self.dataset)[self.drop, self.windows, self.user]


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
    for axes, draw in zip(grid, (_cells, _sinr, _rates, _money, _promise), strict=True):
        _shade(axes, stretch)
        draw(axes, stretch)
    grid[-1].set(xlabel="time [s]", xlim=(stretch.edges[0], stretch.edges[-1]))
    figure.align_ylabels(grid)
    handles = [
        Patch(color=_OUTAGE, label="outage in the window"),
        Patch(color=_SERVING, label="from its serving cell"),
        Patch(color=_BOUGHT, label="bought from other cells"),
        Patch(color=_KEPT, label="promise kept"),
        Patch(color=_BROKEN, label="not kept"),
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
    dataset, edges = stretch.dataset, stretch.edges
    group = str(dataset["group"].to_numpy()[stretch.user])
    where = f"UE {stretch.user} (group {group}) of drop {int(dataset['drop'][stretch.drop])}"
    shown = f"{allocator}, variant {variant}" if variant else allocator
    return f"{edges[-1] - edges[0]:.3g} s of {where}: {shown}"


def _shade(axes: Axes, stretch: Stretch) -> None:
    """Shows windows with an outage in grey, and handovers as lines."""
    broken, edges = stretch.of("outage_s") > 0, stretch.edges
    for begin, end in zip(edges[:-1][broken], edges[1:][broken], strict=True):
        axes.axvspan(begin, end, color=_OUTAGE, lw=0, zorder=0)
    for time in edges[1:-1][np.diff(stretch.of("serving_cell")) != 0]:
        axes.axvline(time, color="0.35", ls=":", lw=1.2, zorder=1)
    axes.grid(alpha=0.3, axis="y")


def _cells(axes: Axes, stretch: Stretch) -> None:
    cell = stretch.of("serving_cell")
    axes.stairs(cell, stretch.edges, baseline=None, color=_SERVING, lw=2.5)
    axes.set(ylabel="serving\ncell", yticks=np.unique(cell).astype(int), ylim=(cell.min() - 0.6, cell.max() + 0.6))


def _sinr(axes: Axes, stretch: Stretch) -> None:
    axes.stairs(stretch.of("serving_sinr_db"), stretch.edges, baseline=None, color=_SERVING, lw=2)
    axes.axhline(stretch.outage_db, color="0.35", ls="--", lw=1.2, label="outage below")
    axes.set_ylabel("mean SINR of\nserving link [dB]")
    _legend(axes)


def _rates(axes: Axes, stretch: Stretch) -> None:
    bought, edges = stretch.rate("other_cell_bits"), stretch.edges
    own = stretch.rate("served_bits") - bought
    axes.stairs(own, edges, fill=True, color=_SERVING)
    axes.stairs(own + bought, edges, baseline=own, fill=True, color=_BOUGHT)
    asked = stretch.rate("demand_bits")
    axes.stairs(asked, edges, baseline=None, color="black", lw=1, label="arriving data")
    promised = float(read(stretch.dataset, "sla_rate_bps", ("user",))[stretch.user]) / MBIT
    if np.isfinite(promised):
        axes.axhline(promised, color=_KEPT, ls="--", lw=1.5, label="promised rate")
    axes.set(ylabel="rate [Mbit/s]", ylim=(0, None))
    _legend(axes)


def _money(axes: Axes, stretch: Stretch) -> None:
    axes.stairs(stretch.of("paid"), stretch.edges, fill=True, color=_BOUGHT)
    axes.stairs(stretch.of("budget"), stretch.edges, baseline=None, color="black", lw=1, label="budget")
    axes.set(ylabel="paid in a\nwindow [money]", ylim=(0, None))
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Writes the names of lines above what is drawn."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(loc="upper right", fontsize=9, ncols=2, frameon=False)


def _promise(axes: Axes, stretch: Stretch) -> None:
    kept, edges = stretch.kept, stretch.edges
    for value, colour in ((1.0, _KEPT), (0.0, _BROKEN)):
        axes.stairs((kept == value).astype(float), edges, fill=True, color=colour)
    counted = kept[np.isfinite(kept)]
    share = "nothing asked" if not counted.size else f"kept in {counted.mean():.0%}"
    axes.set(ylabel=f"promise:\n{share}", yticks=[], ylim=(0, 1))
