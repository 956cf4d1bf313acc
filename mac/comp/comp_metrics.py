"""Computes metrics of CoMP markets: rates in an outage and without, loss by whole PRBs, distance from an optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metric import NOT_NEGATIVE, SHARE, Metric
from ..metrics.windows import (
    MBIT,
    Array,
    Values,
    add,
    divide,
    duration_s,
    mean_of_users,
    nan_mean,
    ratio_of_users,
    read,
    total,
)
from ..slicing.slice_metrics import SLICE_SATISFACTION

if TYPE_CHECKING:
    import xarray as xr

_TRADE = ("drop", "window")


def outage_share(dataset: xr.Dataset) -> Values:
    """Computes the share of time in which a UE's serving link is broken, mean over UEs."""
    return mean_of_users(dataset, total(dataset, "outage_s") / duration_s(dataset))


def outage_rate(dataset: xr.Dataset) -> Values:
    """Computes the rate while the serving link is broken, over all UEs and outages, in Mbit/s."""
    return ratio_of_users(dataset, total(dataset, "outage_bits") / MBIT, total(dataset, "outage_s"))


def own_rate(dataset: xr.Dataset) -> Values:
    """Computes the rate while the serving link holds, over all UEs, in Mbit/s."""
    bits = total(dataset, "served_bits") - total(dataset, "outage_bits")
    return ratio_of_users(dataset, bits / MBIT, duration_s(dataset) - total(dataset, "outage_s"))


def bought_rate(dataset: xr.Dataset) -> Values:
    """Computes what other cells deliver over the time of outage, in Mbit/s."""
    return ratio_of_users(dataset, total(dataset, "other_cell_bits") / MBIT, total(dataset, "outage_s"))


def below_minimum_share(dataset: xr.Dataset) -> Values:
    """Computes the share of windows that end with data waiting and in which the promised rate was not served."""
    promised = read(dataset, "sla_rate_bps", ("user",)) * float(dataset.attrs["window_s"])
    below = (read(dataset, "served_bits") < promised) & (read(dataset, "backlog_bits") > 0)
    judged = np.isfinite(promised)
    return mean_of_users(dataset, nan_mean(np.where(judged, below, np.nan), axis=1))


def total_pf_ratio(dataset: xr.Dataset) -> Array:
    """Computes the geometric mean of total rates over its greatest value, mean over intervals with buyers, ``[B]``."""
    missed = divide(add(read(dataset, "total_shortfall", _TRADE)), add(read(dataset, "markets", _TRADE)))
    return np.asarray(np.exp(-np.maximum(missed, 0.0)), dtype=np.float64)


def rounding_loss(dataset: xr.Dataset) -> Array:
    """Computes the part of the rates bought in shares that whole PRBs do not carry, ``[B]``; it may be negative."""
    return 1.0 - divide(add(total(dataset, "bought_whole")), add(total(dataset, "bought")))


METRICS = (
    Metric("outage_rate", "Mbit/s", "rate while the serving link is broken", "higher", outage_rate,
           ("outage_bits", "outage_s"), limits=NOT_NEGATIVE),
    Metric("own_rate", "Mbit/s", "rate while the serving link holds", "higher", own_rate,
           ("outage_bits", "outage_s", "served_bits"), limits=NOT_NEGATIVE),
    Metric("bought_rate", "Mbit/s", "delivered by other cells, over the time of outage", None, bought_rate,
           ("other_cell_bits", "outage_s"), limits=NOT_NEGATIVE),
    Metric("below_minimum_share", "1", "windows below the promised rate with data waiting", "lower",
           below_minimum_share, ("outage_s", "served_bits", "backlog_bits", "sla_rate_bps"), limits=SHARE),
    Metric("outage_share", "1", "time in which the serving link is broken", None, outage_share,
           ("outage_s",), limits=SHARE),
    Metric("total_pf_ratio", "1", "geometric mean of total rates over that of proportional fairness", "higher",
           total_pf_ratio, ("total_shortfall", "markets"), limits=SHARE),
    Metric("rounding_loss", "1", "part of the rate bought in shares that whole PRBs lose", "lower", rounding_loss,
           ("bought", "bought_whole")),
    SLICE_SATISFACTION,
)  # fmt: skip
"""Metrics of CoMP markets, as the family registers them."""
