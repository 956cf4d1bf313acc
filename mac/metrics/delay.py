"""Computes delays of packets, and bits and blocks that were lost.

Delays are those of packets that were *completed*: of a UE that is hardly served there are few. Read delays
together with the served share and the loss.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .windows import Array, Mask, Values, add, divide, each_group, only_judged, ratio_of_users, read, saturated, total

if TYPE_CHECKING:
    import xarray as xr

_TO_MS = 1e3


def delay_mean(dataset: xr.Dataset) -> Values:
    """Computes the mean delay of all completed packets, ``[B]`` in ms; NaN if none was completed."""
    mean = ratio_of_users(dataset, total(dataset, "delay_s"), total(dataset, "packets"))
    return {name: value * _TO_MS for name, value in mean.items()}


def delay_quantile(dataset: xr.Dataset, share: float) -> Values:
    """Computes the delay that a share of completed packets does not exceed, ``[B]`` in ms, from the run's histogram."""
    counts = read(dataset, "delay_packets", ("drop", "user", "delay_bin"))
    edge_s = read(dataset, "delay_edge_s", ("delay_bin",))
    quantile = partial(_quantile_of, counts=counts, edge_s=edge_s, share=share)
    return each_group(dataset, lambda mask: quantile(mask) * _TO_MS)


def histogram_quantile(counts: Array, edge: Array, share: float) -> Array:
    """Computes a quantile of a histogram, ``counts [B, bins]`` over *upper* edges ``edge [bins]``, last may be inf.

    Within a bin the count is taken as spread evenly over the logarithm of the delay, in the first bin (which begins
    at 0) over the delay itself. A quantile in a bin that ends at infinity is infinite: the histogram knows only that
    it is more than the last finite edge. NaN where a row is empty. The error is at most a bin's width.

    Raises:
        ValueError: if ``share`` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of a quantile is {share}; it must be in (0, 1]")
    above = np.cumsum(counts, axis=-1)
    target = share * above[:, -1]
    bins = np.argmax(above >= target[:, None], axis=-1)
    inside = np.take_along_axis(counts, bins[:, None], axis=-1)[:, 0]
    below = np.take_along_axis(above, bins[:, None], axis=-1)[:, 0] - inside
    place = divide(target - below, inside)  # in (0, 1]; NaN for an empty row
    low = np.concatenate([[0.0], edge])[bins]
    return np.where(np.isnan(place), np.nan, _between(low, edge[bins], place))


def late_share(dataset: xr.Dataset) -> Values:
    """Computes the share of completed packets that took longer than their UE's delay budget, ``[B]``.

    Only UEs and groups that have packets and a budget are counted; NaN if none was completed.
    """
    budget_s = read(dataset, "sla_delay_s", ("user",))
    judged = np.isfinite(budget_s) & ~saturated(dataset)
    late, packets = total(dataset, "late_packets") * judged, total(dataset, "packets") * judged
    return only_judged(dataset, ratio_of_users(dataset, late, packets), judged)


def loss_ratio(dataset: xr.Dataset, *names: str) -> Values:
    """Divides lost bits (``dropped_bits``: queue overflow, ``lost_bits``: HARQ gave up) by those that arrived, ``[B]``.

    Of full-buffer UEs the bits count that were taken to be sent.
    """
    gone = sum((total(dataset, name) for name in names), start=np.zeros(1))
    return ratio_of_users(dataset, gone, total(dataset, "demand_bits"))


def bler_first_tx(dataset: xr.Dataset) -> Values:
    """Computes the share of blocks sent for the first time that were not decoded, ``[B]``; NaN if none was sent."""
    return ratio_of_users(dataset, total(dataset, "first_nack"), total(dataset, "first_tx"))


def _quantile_of(mask: Mask, counts: Array, edge_s: Array, share: float) -> Array:
    return histogram_quantile(add(counts[:, mask], axis=1), edge_s, share)


def _between(low: Array, high: Array, place: Array) -> Array:
    first = low == 0
    safe_low, safe_high = np.where(first, 1.0, low), np.where(np.isinf(high), 1.0, high)
    inside = np.where(first, place * safe_high, safe_low * (safe_high / safe_low) ** place)
    return np.where(np.isinf(high), np.inf, inside)
