"""Draws the life of one UE from the windows of a run, and slot by slot where its slots were recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mac.metrics.satisfaction import has_targets
from mac.metrics.windows import Array

from ..errors import ScenarioError
from .style import WIDTH_IN, Plot, headline
from .user_windows import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    UserWindows,
    draw_cell,
    draw_promise,
    draw_rate_lines,
    legend_above,
    place_of_cells,
)

if TYPE_CHECKING:
    import xarray as xr

    from ..run_result import RunResult

_RECORDED = "recorded_user"


@dataclass(frozen=True)
class UserChoice:
    """Chooses what is drawn.

    Attributes:
        drop: number of the drop.
        user: number of the UE.
        allocator: label; None: the first.
        variant: None: the first.
        from_s: time at which the plot begins, at the start of a window; None: at the beginning.
        to_s: time at which it ends; None: at the end.
    """

    drop: int
    user: int
    allocator: str | None = None
    variant: str | None = None
    from_s: float | None = None
    to_s: float | None = None


@dataclass(frozen=True)
class _Panel:
    """Describes a panel: the variables that it needs, how it is drawn, how high it is."""

    needs: tuple[str, ...]
    draw: Callable[[Axes, UserWindows], None]
    height: float = 1.0


def plot_user(result: RunResult, choice: UserChoice) -> Figure:
    """Draws what a UE had in each window: serving cell, SINR, rates, queue, PRBs, delay, errors, promise.

    Of a UE whose slots were recorded (``record_slots_of``), SINR, CQI, MCS, rank, attempts and queue of every slot
    follow. Panels are those that the run has the data for.

    Args:
        result: the run.
        choice: which UE, of which drop, when.

    Raises:
        ScenarioError: there is no such drop, UE, allocator, variant or time, or the family has no windows of UEs.
    """
    variant = result.variants[0] if choice.variant is None else choice.variant
    allocator = result.allocators[0] if choice.allocator is None else choice.allocator
    dataset = result.to_xarray(allocator, variant)
    shown = _windows(dataset, choice)
    panels = [panel for panel in _PANELS if all(name in dataset.variables for name in panel.needs)]
    panels += _SLOTS if _RECORDED in dataset.coords and shown.user in dataset[_RECORDED].to_numpy() else []
    heights = [panel.height for panel in panels]
    figure = Plot(figsize=(WIDTH_IN, 1.2 + 1.25 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0].tolist()
    for axes, panel in zip(grid, panels, strict=True):
        panel.draw(axes, shown)
        axes.grid(alpha=0.3, axis="y")
    grid[-1].set(xlabel="time [s]", xlim=(shown.edges[0], shown.edges[-1]))
    figure.align_ylabels(grid)
    headline(figure, f"{shown.title()}: {allocator}{f', variant {variant}' if variant else ''}")
    return figure


def place_of_drop(dataset: xr.Dataset, drop: int) -> int:
    """Finds the place of a drop.

    Raises:
        ScenarioError: it is not there; those that are there are named.
    """
    numbers = dataset["drop"].to_numpy().tolist()
    if drop not in numbers:
        raise ScenarioError(f"there is no drop {drop} in this run; there are {numbers[0]} to {numbers[-1]}")
    return int(numbers.index(drop))


def _windows(dataset: xr.Dataset, choice: UserChoice) -> UserWindows:
    served = dataset.variables.get("served_bits")
    if served is None or not {"window", "user"} <= set(served.dims):
        raise ScenarioError("this run has no windows of users to draw")
    users = dataset.sizes["user"]
    if not 0 <= choice.user < users:
        raise ScenarioError(f"there is no user {choice.user} in this run; there are 0 to {users - 1}")
    drop = place_of_drop(dataset, choice.drop)
    ends, window_s = dataset["time_s"].to_numpy(), float(dataset.attrs["window_s"])
    first = 0 if choice.from_s is None else int(np.searchsorted(ends - 0.5 * window_s, choice.from_s))
    after = len(ends) if choice.to_s is None else int(np.searchsorted(ends - 0.5 * window_s, choice.to_s))
    if first >= after:
        raise ScenarioError(
            f"there is no window from {choice.from_s} to {choice.to_s} s; windows of {window_s:g} s end at "
            f"{ends[0]:g} to {ends[-1]:g} s"
        )
    return UserWindows(dataset, drop, choice.user, slice(first, after))


def _rates(axes: Axes, shown: UserWindows) -> None:
    axes.stairs(shown.rate("served_bits"), shown.edges, fill=True, color=BLUE, label="served")
    draw_rate_lines(axes, shown)


def _queue(axes: Axes, shown: UserWindows) -> None:
    axes.stairs(shown.of("backlog_bits") / 1e3, shown.edges, fill=True, color=ORANGE)
    axes.set(ylabel="queue at\nend [kbit]", ylim=(0, None))


def _prbs(axes: Axes, shown: UserWindows) -> None:
    slots = float(shown.dataset.attrs["window_s"]) / float(shown.dataset.attrs["slot_s"])
    axes.stairs(shown.of("granted_prbs") / slots, shown.edges, fill=True, color=BLUE, label="granted")
    axes.stairs(shown.of("requested_prbs") / slots, shown.edges, baseline=None, color="black", lw=1, label="asked for")
    axes.set(ylabel="PRBs of\na slot", ylim=(0, None))
    legend_above(axes)


def _delay(axes: Axes, shown: UserWindows) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_ms = 1e3 * shown.of("delay_s") / shown.of("packets")
    axes.stairs(np.nan_to_num(mean_ms), shown.edges, fill=True, color=BLUE)
    if np.isfinite(budget := shown.target("sla_delay_s")):
        axes.axhline(1e3 * budget, color=GREEN, ls="--", lw=1.5, label="promised")
        legend_above(axes)
    axes.set(ylabel="delay of\npackets [ms]", ylim=(0, None))


def _errors(axes: Axes, shown: UserWindows) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        share = shown.of("first_nack") / shown.of("first_tx")
    axes.stairs(np.nan_to_num(share), shown.edges, fill=True, color=RED)
    axes.set(ylabel="first attempts\nnot decoded", ylim=(0, 1))


def _sinr(axes: Axes, shown: UserWindows) -> None:
    axes.stairs(shown.of("serving_sinr_db"), shown.edges, baseline=None, color=BLUE, lw=2)
    axes.set_ylabel("mean SINR\n[dB]")


def _promise(axes: Axes, shown: UserWindows) -> None:
    if has_targets(shown.dataset):
        draw_promise(axes, shown)
    else:
        axes.set(ylabel="promise:\nnone", yticks=[])


def _cell(axes: Axes, shown: UserWindows) -> None:
    if {"window", "user"} <= set(shown.dataset["serving_cell"].dims):
        draw_cell(axes, shown)


_PANELS = [
    _Panel(("serving_cell",), _cell),
    _Panel(("serving_sinr_db",), _sinr),
    _Panel(("served_bits", "demand_bits"), _rates, 1.6),
    _Panel(("backlog_bits",), _queue),
    _Panel(("granted_prbs", "requested_prbs"), _prbs),
    _Panel(("delay_s", "packets"), _delay),
    _Panel(("first_tx", "first_nack"), _errors),
    _Panel(("packets", "sla_rate_bps"), _promise, 0.8),
]


def _slot_panel(name: str, draw: Callable[[Axes, Array, Array], None]) -> _Panel:
    """Makes a panel of a number of every slot, NaN in slots without one, from its times and values."""

    def draw_slots(axes: Axes, shown: UserWindows) -> None:
        dataset = shown.dataset
        place = dataset[_RECORDED].to_numpy().tolist().index(shown.user)
        time = dataset["slot_time_s"].to_numpy()
        values = dataset[name].transpose("drop", "slot", _RECORDED).to_numpy()[shown.drop, :, place]
        inside = (time > shown.edges[0]) & (time <= shown.edges[-1])
        draw(axes, time[inside], values[inside])

    return _Panel((name,), draw_slots)


def _dots(label: str, scale: float = 1.0) -> Callable[[Axes, Array, Array], None]:
    def draw(axes: Axes, time: Array, values: Array) -> None:
        axes.plot(time, values * scale, ".", ms=3, color=BLUE)
        axes.set_ylabel(label)

    return draw


def _whole(label: str) -> Callable[[Axes, Array, Array], None]:
    """Draws whole numbers, on an axis without any others."""

    def draw(axes: Axes, time: Array, values: Array) -> None:
        _dots(label)(axes, time, values)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        if (known := values[np.isfinite(values)]).size:
            axes.set_ylim(known.min() - 0.6, known.max() + 0.6)

    return draw


def _slot_cell(axes: Axes, time: Array, values: Array) -> None:
    axes.plot(time, place_of_cells(axes, values), ".", ms=3, color=BLUE)


_SLOTS = [
    _slot_panel("slot_sinr_db", _dots("SINR of\na slot [dB]")),
    _slot_panel("slot_cqi", _whole("CQI")),
    _slot_panel("slot_mcs", _whole("MCS")),
    _slot_panel("slot_rank", _whole("rank")),
    _slot_panel("slot_attempts", _whole("attempt\n(HARQ)")),
    _slot_panel("slot_queue_bits", _dots("queue\n[kbit]", 1e-3)),
    _slot_panel("slot_cell", _slot_cell),
]
