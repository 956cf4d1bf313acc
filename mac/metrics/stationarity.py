"""Checks whether the backlog grows over a run: then delay and loss depend on how long the run is.

The recorded time of each drop is cut into :data:`BATCHES` batches of windows, and the backlog is averaged in each. Its
increments from batch to batch have a mean of 0 if the queues are stationary, and a positive one if more arrives than is
served. A one-sided t-test over the increments of all drops decides. Increments of a stationary queue are negatively
correlated in time (they add up to last less first), so the test then errs less often than its level says.

A trend that is beyond chance counts only if at least :data:`LEAST_SHARE` of the bits that arrive pile up.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy import special

from .multiple_tests import holm
from .windows import Array, add, read, saturated

if TYPE_CHECKING:
    import xarray as xr

LEVEL = 0.01
"""Probability of a warning, at most, in a run in which no backlog grows; Holm's correction over its allocators."""
LEAST_SHARE = 0.01
"""Least share of the arriving bits that must pile up for a warning."""
BATCHES = 10
"""Batches of windows in a drop, if it has as many windows."""
_LEAST_INCREMENTS = 5

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class BacklogTrend:
    """Holds how fast the backlog of an allocator grows.

    Attributes:
        growth_bps: mean growth of the backlog of a drop, bit/s.
        share: growth over the bits that arrive; 1 if nothing is served.
        p: one-sided p-value of no growth.
    """

    growth_bps: float
    share: float
    p: float


def backlog_trend(parts: Iterable[xr.Dataset]) -> BacklogTrend | None:
    """Computes the trend of the backlog of one allocator.

    Args:
        parts: its windows; each part has drops of its own.

    Returns:
        The trend; None without a backlog (other families, full-buffer UEs only), or with fewer than five increments.
    """
    increments: list[Array] = []
    arrived_bits = time_s = batch_s = 0.0
    for part in parts:
        if "backlog_bits" not in part or saturated(part).all() or not part.sizes["window"]:
            continue
        waiting, arrived = (_of_packets(part, name) for name in ("backlog_bits", "demand_bits"))
        window_s = float(part.attrs["window_s"])
        arrived_bits, time_s = arrived_bits + float(arrived.sum()), time_s + arrived.size * window_s
        increments.append(np.diff(batch_means(waiting), axis=1).ravel())
        batch_s = waiting.shape[1] // min(BATCHES, waiting.shape[1]) * window_s
    steps = np.concatenate(increments) if increments else np.zeros(0)
    if len(steps) < _LEAST_INCREMENTS or arrived_bits == 0:
        return None
    growth_bps = float(steps.mean()) / batch_s
    return BacklogTrend(growth_bps, growth_bps * time_s / arrived_bits, _p_of_growth(steps))


def batch_means(values: Array) -> Array:
    """Averages ``values [B, W]`` over :data:`BATCHES` equal batches of windows, ``[B, batches]``.

    With fewer windows each is a batch; windows that are left over are taken from the beginning.
    """
    batches = min(BATCHES, values.shape[1])
    size = values.shape[1] // batches
    kept = values[:, values.shape[1] - batches * size :]
    return np.asarray(kept.reshape(len(values), batches, size).mean(axis=2), dtype=np.float64)


def growing(trends: Mapping[Key, BacklogTrend]) -> dict[Key, BacklogTrend]:
    """Selects the trends that are beyond chance at :data:`LEVEL`, corrected for their number, and large enough."""
    adjusted = holm([trend.p for trend in trends.values()])
    return {
        key: trend
        for (key, trend), p in zip(trends.items(), adjusted, strict=True)
        if p <= LEVEL and trend.share >= LEAST_SHARE
    }


def _of_packets(part: xr.Dataset, name: str) -> Array:
    """Sums a variable over the UEs that are not full-buffer, ``[B, W]``."""
    return add(read(part, name)[:, :, ~saturated(part)])


def _p_of_growth(steps: Array) -> float:
    if np.ptp(steps) == 0:  # constant rates on a constant channel
        return 0.0 if steps[0] > 0 else 1.0
    t = float(steps.mean()) / (float(steps.std(ddof=1)) / math.sqrt(steps.size))
    return float(special.stdtr(steps.size - 1, -t))
