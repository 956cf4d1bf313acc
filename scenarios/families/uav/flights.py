"""Reads the flights of a run from its windows: paths of UAVs, places and rates of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mac.metrics.registry import metric_named
from mac.metrics.windows import MBIT, Array, read

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult

SHOWN = 4  # allocators side by side


@dataclass(frozen=True)
class FlightsView:
    """Holds one drop with one allocator; W windows."""

    allocator: str
    time_s: Array  # [W + 1] ends of windows, the start first
    uav_m: Array  # [W + 1, V, 3]
    user_m: Array  # [W, U, 2]
    rate_mbps: Array  # [W, U] in each window
    extent_m: tuple[float, float]
    zones_m: list[list[float]]  # least x, least y, greatest x, greatest y


def flights_view(dataset: xr.Dataset, allocator: str, drop: int = 0) -> FlightsView:
    """Reads a drop.

    Args:
        dataset: windows of one allocator and variant.
        allocator: its name.
        drop: place of the drop in the dataset.
    """
    window_s = float(dataset.attrs["window_s"])
    path = read(dataset, "uav_m", ("drop", "window", "uav", "axis"))[drop]
    start = read(dataset, "start_m", ("drop", "uav", "axis"))[drop]
    if float(dataset.attrs["warmup_s"]) > 0:
        start = path[0]  # where a UAV is after the warm-up is known from the end of the first window on
    zones = str(dataset.attrs["no_fly_m"])
    return FlightsView(
        allocator=allocator,
        time_s=np.asarray(window_s * np.arange(len(path) + 1), dtype=np.float64),
        uav_m=np.concatenate((start[None], path)),
        user_m=read(dataset, "user_m", ("drop", "window", "user", "plane"))[drop],
        rate_mbps=read(dataset, "served_bits")[drop] / window_s / MBIT,
        extent_m=(float(dataset.attrs["x_m"]), float(dataset.attrs["y_m"])),
        zones_m=[[float(value) for value in zone.split(",")] for zone in zones.split(";") if zone],
    )


def shown_allocators(result: RunResult, variant: str | None, most: int = SHOWN) -> list[str]:
    """Chooses the allocators that plots of single drops show: all, or the best by the first metric of the headline.

    Args:
        result: the run.
        variant: the one that decides.
        most: how many at most.
    """
    if len(result.allocators) <= most:
        return list(result.allocators)
    table = result.per_drop
    same = table["variant"].isna() if variant is None else table["variant"] == variant
    rows = table[same & (table["metric"] == result.headline[0])]
    mean = rows.groupby("allocator")["value"].mean()
    worst = -np.inf if metric_named(result.headline[0]).better != "lower" else np.inf
    order = sorted(result.allocators, key=lambda name: float(mean.get(name, worst)), reverse=worst < 0)
    best = set(order[:most])
    return [name for name in result.allocators if name in best]
