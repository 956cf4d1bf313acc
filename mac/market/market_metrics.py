"""Computes metrics of markets: welfare against optima, envy, revenue, rounds until agreement.

The Nash welfare of a market is the mean of log utility, weighted by budgets; its greatest value is the market
equilibrium. Ratios are means over intervals, the logarithm of utilities first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metric import NOT_NEGATIVE, SHARE, Metric
from ..metrics.windows import Array, add, divide, read, total

if TYPE_CHECKING:
    import xarray as xr


def _mean(dataset: xr.Dataset, name: str) -> Array:
    """Averages an extra of each drop over intervals, ``[B]``."""
    return divide(add(read(dataset, name, ("drop", "window"))), add(read(dataset, "markets", ("drop", "window"))))


def nash_ratio(dataset: xr.Dataset) -> Array:
    """Computes the geometric mean of utilities over that of the market equilibrium, ``[B]``."""
    return np.asarray(np.exp(-np.maximum(_mean(dataset, "equilibrium_shortfall"), 0.0)), dtype=np.float64)


def welfare_ratio(dataset: xr.Dataset) -> Array:
    """Computes the sum of weights times quantities over its greatest value, ``[B]``."""
    return divide(add(total(dataset, "bought")), add(read(dataset, "linear_bound", ("drop", "window"))))


def envy(dataset: xr.Dataset) -> Array:
    """Computes the mean over intervals of the least ratio of an own purchase to another one, ``[B]``."""
    return _mean(dataset, "envy_freeness")


def revenue(dataset: xr.Dataset) -> Array:
    """Computes the money paid in an interval, ``[B]``."""
    return divide(add(total(dataset, "paid")), add(read(dataset, "markets", ("drop", "window"))))


def budget_spent(dataset: xr.Dataset) -> Array:
    """Computes money paid over budgets, ``[B]``."""
    return divide(add(total(dataset, "paid")), add(total(dataset, "budget")))


def rounds(dataset: xr.Dataset) -> Array:
    """Computes the exchanges of messages in an interval, ``[B]``."""
    return _mean(dataset, "rounds")


def messages(dataset: xr.Dataset) -> Array:
    """Computes the messages between UEs and base stations in an interval, ``[B]``."""
    return _mean(dataset, "messages")


def settled(dataset: xr.Dataset) -> Array:
    """Computes the share of intervals in which the mechanism settled, ``[B]``."""
    return _mean(dataset, "settled")


METRICS = (
    Metric("nash_ratio", "1", "geometric mean of utilities over that of the market equilibrium", "higher", nash_ratio,
           ("equilibrium_shortfall", "markets"), limits=NOT_NEGATIVE),
    Metric("welfare_ratio", "1", "sum of bought rates over its maximum", "higher", welfare_ratio,
           ("bought", "linear_bound"), limits=SHARE),
    Metric("envy_freeness", "1", "least ratio of a UE's own purchase to that of another UE, in its own eyes", "higher",
           envy, ("envy_freeness", "markets"), limits=NOT_NEGATIVE),
    Metric("revenue", "money", "paid in an interval", None, revenue, ("paid", "markets"), limits=NOT_NEGATIVE),
    Metric("budget_spent", "1", "money paid over budgets", None, budget_spent, ("paid", "budget"), limits=NOT_NEGATIVE),
    Metric("market_rounds", "rounds", "exchanges of messages until agreement", "lower", rounds,
           ("rounds", "markets"), limits=NOT_NEGATIVE),
    Metric("market_messages", "messages", "between UEs and base stations until agreement", "lower", messages,
           ("messages", "markets"), limits=NOT_NEGATIVE),
    Metric("settled_share", "1", "intervals in which the mechanism settled", "higher", settled,
           ("settled", "markets"), limits=SHARE),
)  # fmt: skip
"""Metrics of markets, as the family registers them."""
