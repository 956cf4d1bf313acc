"""Computes metrics of auctions: efficiency, revenue, fairness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.fairness import jain
from ..metrics.metric import NOT_NEGATIVE, SHARE, Metric
from ..metrics.windows import Array, add, divide, read, total

if TYPE_CHECKING:
    import xarray as xr

_RUN = ("drop", "window")


def efficiency(dataset: xr.Dataset) -> Array:
    """Computes the sum of utilities over the number of requests, ``[B]``."""
    return divide(add(total(dataset, "score")), add(read(dataset, "requests", _RUN)))


def revenue(dataset: xr.Dataset) -> Array:
    """Computes the money paid in the whole run, ``[B]``."""
    return add(read(dataset, "revenue", _RUN))


def served(dataset: xr.Dataset) -> Array:
    """Computes the share of the requests that were served, ``[B]``."""
    return divide(add(total(dataset, "served")), add(read(dataset, "requests", _RUN)))


def jain_requesters(dataset: xr.Dataset) -> Array:
    """Computes Jain's index of the utilities of all requests, 0 for those that were not served, ``[B]``."""
    score = read(dataset, "score")
    return jain(score.reshape(len(score), -1))


def jain_winners(dataset: xr.Dataset) -> Array:
    """Computes Jain's index of the utilities of the requests that were served, ``[B]``."""
    score, won = read(dataset, "score"), read(dataset, "served") > 0
    return jain(np.where(won, score, np.nan).reshape(len(score), -1))


def feasible_bids(dataset: xr.Dataset) -> Array:
    """Counts the pairs of request and resource that are allowed, ``[B]``."""
    return add(read(dataset, "feasible_bids", _RUN))


def utilisation(dataset: xr.Dataset) -> Array:
    """Computes demand served over capacity, mean over resources and rounds, ``[B]``."""
    return divide(add(read(dataset, "utilisation", _RUN)), add(read(dataset, "rounds", _RUN)))


METRICS = (
    Metric("auction_efficiency", "1", "sum of utilities over the number of requests", "higher", efficiency,
           ("score", "requests")),
    Metric("auction_revenue", "money", "money paid in the run", None, revenue,
           ("revenue", "feasible_bids"), limits=NOT_NEGATIVE),
    Metric("auction_served", "1", "share of the requests that were served", "higher", served,
           ("served", "requests"), limits=SHARE),
    Metric("jain_requesters", "1", "Jain's index of the utilities of all requests", "higher", jain_requesters,
           ("score", "requests"), limits=SHARE),
    Metric("jain_winners", "1", "Jain's index of the utilities of served requests", None, jain_winners,
           ("score", "served", "requests"), limits=SHARE),
    Metric("feasible_bids", "1", "pairs of request and resource that are allowed", None, feasible_bids,
           ("feasible_bids",), limits=NOT_NEGATIVE),
    Metric("auction_utilisation", "1", "demand served over capacity, mean over resources and rounds", None, utilisation,
           ("utilisation", "rounds"), limits=SHARE),
)  # fmt: skip
"""Metrics of auctions, as the family registers them."""
