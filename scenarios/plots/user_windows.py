"""Reads the windows of one UE, and draws what plots of one UE share: its serving cell, its promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from mac.metrics.satisfaction import sla_met
from mac.metrics.windows import MBIT, Array, read

if TYPE_CHECKING:
    import xarray as xr

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "0.88"


@dataclass(frozen=True)
class UserWindows:
    """Holds some windows of one UE.

    Attributes:
        dataset: of an allocator.
        drop: place of the drop.
        user: number of the UE.
        windows: which ones.
    """

    dataset: xr.Dataset
    drop: int
    user: int
    windows: slice

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

    def target(self, name: str) -> float:
        """Reads what the UE was promised, NaN where nothing was."""
        return float(read(self.dataset, name, ("user",))[self.user]) if name in self.dataset.coords else np.nan

    @property
    def kept(self) -> Array:
        """Returns 1 where the promise was kept, 0 where not, NaN where nothing was asked for."""
        return sla_met(self.dataset)[self.drop, self.windows, self.user]

    def title(self) -> str:
        """Names time, UE and drop: ``10 s of UE 3 (group embb) of drop 0``."""
        group = self.dataset["group"].to_numpy()[self.user] if "group" in self.dataset.coords else ""
        where = f"UE {self.user}{f' (group {group})' if group else ''} of drop {int(self.dataset['drop'][self.drop])}"
        return f"{self.edges[-1] - self.edges[0]:.3g} s of {where}"


def draw_cell(axes: Axes, shown: UserWindows) -> None:
    """Draws the serving cell."""
    axes.stairs(place_of_cells(axes, shown.of("serving_cell")), shown.edges, baseline=None, color=BLUE, lw=2.5)


def place_of_cells(axes: Axes, cell: Array) -> Array:
    """Gives each cell that serves a UE a tick of its own, evenly spaced, and returns the places; NaN stays."""
    numbers = np.unique(cell[np.isfinite(cell)])
    axes.set_yticks(range(len(numbers)), [f"{number:.0f}" for number in numbers])
    axes.set(ylabel="serving\ncell", ylim=(-0.6, max(len(numbers), 1) - 0.4))
    places = np.searchsorted(numbers, cell).astype(np.float64)
    return np.where(np.isfinite(cell), places, np.nan)


def draw_promise(axes: Axes, shown: UserWindows) -> None:
    """Draws where the promise was kept and where not."""
    kept, edges = shown.kept, shown.edges
    for value, colour in ((1.0, GREEN), (0.0, RED)):
        axes.stairs((kept == value).astype(float), edges, fill=True, color=colour)
    counted = kept[np.isfinite(kept)]
    share = "nothing asked" if not counted.size else f"kept in {counted.mean():.0%}"
    axes.set(ylabel=f"promise:\n{share}", yticks=[], ylim=(0, 1))


def draw_rate_lines(axes: Axes, shown: UserWindows) -> None:
    """Draws the arriving data and the promised rate beside what was served, in Mbit/s."""
    axes.stairs(shown.rate("demand_bits"), shown.edges, baseline=None, color="black", lw=1, label="arriving data")
    promised = shown.target("sla_rate_bps") / MBIT
    if np.isfinite(promised):
        axes.axhline(promised, color=GREEN, ls="--", lw=1.5, label="promised rate")
    axes.set(ylabel="rate [Mbit/s]", ylim=(0, None))
    legend_above(axes)


def legend_above(axes: Axes) -> None:
    """Writes the names of lines above what is drawn."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(loc="upper right", fontsize=9, ncols=3, frameon=False)
