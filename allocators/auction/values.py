"""Solves auctions given as a table of values, for notebooks and the command line.

Three forms of a table are known. Without anything else a column is a resource, and each bidder wants one at most. With
``units`` all resources are equal, and a row holds what the first, second, ... unit is worth to a bidder, never rising.
With ``bundles`` a column is a set of resources, and each bidder wants one bundle at most.

U bidders, Rs resources, n columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core_payments import nearest_core_payments
from .pair_matching import match_pairs
from .winner_determination import Bids, best_bids, welfare_of

Floats = NDArray[np.float64]

MECHANISMS = ("vcg", "vcg_nearest", "first_price", "uniform", "greedy", "optimal")
"""``vcg``: best allocation, each pays what the others lose by it. ``vcg_nearest``: best allocation, payments in the
core nearest to those. ``first_price``: best allocation, each pays its value. ``uniform``: equal units, all at the price
of the best bid that loses. ``greedy``: highest values first, each pays its value. ``optimal``: best allocation, nothing
is paid.
"""


@dataclass(frozen=True)
class AuctionResult:
    """Holds the outcome of an auction.

    Attributes:
        winners: for each bidder the resource that it gets (a list of them with bundles, the number of units with equal
            ones), or None.
        payments: of each bidder.
        welfare: sum of the values of what bidders get.
    """

    winners: list[Any]
    payments: list[float]
    welfare: float

    def to_json(self) -> dict[str, Any]:
        """Returns what ``fairwave auction --json`` prints."""
        return {"winners": self.winners, "payments": self.payments, "welfare": self.welfare}


def solve_auction(
    values: Sequence[Sequence[float]] | Floats,
    mechanism: str = "vcg",
    *,
    units: int | None = None,
    bundles: Sequence[Sequence[int]] | None = None,
) -> AuctionResult:
    """Runs an auction.

    Args:
        values: a row for each bidder, at least 0.
        mechanism: one of :data:`MECHANISMS`.
        units: number of equal resources; columns are then marginal values. Left out, ``uniform`` takes the number of
            columns.
        bundles: resources of each column, counted from 0.

    Raises:
        ValueError: an input is out of range; the text says which, where, and what is allowed.
    """
    table = _checked(values, mechanism, units, bundles)
    if units is not None or mechanism == "uniform":
        return _equal_units(table, mechanism, table.shape[1] if units is None else units)
    bids = Bids.of(table, bundles)
    if mechanism == "greedy":
        return _greedy(bids)
    chosen = best_bids(bids)
    welfare = welfare_of(bids, chosen)
    if mechanism == "optimal":
        payments = np.zeros(len(table))
    elif mechanism == "first_price":
        payments = np.where(chosen >= 0, table[np.arange(len(table)), chosen], 0.0)
    else:
        payments = vcg_payments(bids, chosen)
        if mechanism == "vcg_nearest":
            payments = nearest_core_payments(bids, chosen, payments)
    return AuctionResult(bids.names(chosen), [float(paid) for paid in payments], float(welfare))


def vcg_payments(bids: Bids, chosen: NDArray[np.int64]) -> Floats:
    """Computes what each winner takes from the others: their best welfare without it, less theirs with it."""
    total, payments = welfare_of(bids, chosen), np.zeros(len(chosen))
    for bidder in np.flatnonzero(chosen >= 0):
        alone = bids.without(int(bidder))
        own = bids.values[bidder, chosen[bidder]]
        payments[bidder] = max(0.0, welfare_of(alone, best_bids(alone)) - (total - own))
    return payments


def _greedy(bids: Bids) -> AuctionResult:
    """Serves the highest values first, of equals the first bidder, then the first column."""
    if bids.singles:
        ones = np.ones(bids.resources)
        values = np.where(bids.values > 0, bids.values, -np.inf)
        chosen = match_pairs(values, np.zeros(len(values)), ones, one_each=True)
    else:
        chosen, free = np.full(len(bids.values), -1), np.ones(bids.resources, dtype=bool)
        columns = bids.values.shape[1]
        for at in np.argsort(-bids.values.reshape(-1), kind="stable"):
            bidder, column = divmod(int(at), columns)
            if bids.values[bidder, column] > 0 and chosen[bidder] < 0 and free[bids.contents[column]].all():
                chosen[bidder] = column
                free[bids.contents[column]] = False
    payments = np.where(chosen >= 0, bids.values[np.arange(len(chosen)), chosen], 0.0)
    return AuctionResult(bids.names(chosen), payments.tolist(), float(payments.sum()))


def _equal_units(table: Floats, mechanism: str, units: int) -> AuctionResult:
    """Sells equal units to the highest marginal values."""
    bidder = np.repeat(np.arange(len(table)), table.shape[1])
    flat = table.reshape(-1)
    order = np.argsort(-flat, kind="stable")
    order = order[flat[order] > 0]
    winning, losing = order[:units], order[units:]
    count = np.bincount(bidder[winning], minlength=len(table))
    worth = np.bincount(bidder[winning], weights=flat[winning], minlength=len(table)).astype(np.float64)
    payments: Floats = np.zeros(len(table))
    if mechanism in ("first_price", "greedy"):
        payments = worth
    elif mechanism == "uniform":
        payments = count.astype(np.float64) * (flat[losing[0]] if len(losing) else 0.0)
    elif mechanism in ("vcg", "vcg_nearest"):  # of units whose values never rise, VCG payments are in the core
        for own in np.flatnonzero(count):
            others = flat[losing[bidder[losing] != own]]
            payments[own] = others[: count[own]].sum()
    return AuctionResult(count.tolist(), payments.tolist(), float(worth.sum()))


def _checked(values: Any, mechanism: str, units: int | None, bundles: Sequence[Sequence[int]] | None) -> Floats:
    if mechanism not in MECHANISMS:
        raise ValueError(f"unknown mechanism '{mechanism}': one of {', '.join(MECHANISMS)}")
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("values: give numbers, in rows of equal length") from None
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"values has shape {list(table.shape)}: give a row for each bidder, a column for each")
    wrong = np.argwhere(~(np.isfinite(table) & (table >= 0)))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"values: bidder {row}, column {column} (counted from 0) has {table[row, column]:g}: use a finite number "
            "of at least 0"
        )
    if units is not None and units < 1:
        raise ValueError(f"units is {units}: use a whole number of at least 1")
    if bundles is not None and (units is not None or mechanism == "uniform"):
        raise ValueError("bundles are of different resources, and units of equal ones: give one of the two")
    rising = np.argwhere(np.diff(table, axis=1) > 0)
    if (units is not None or mechanism == "uniform") and len(rising):
        row, column = rising[0]
        raise ValueError(
            f"values: bidder {row} (counted from 0) values unit {column + 2} at {table[row, column + 1]:g}, more than "
            f"the one before at {table[row, column]:g}; marginal values of equal units never rise"
        )
    return table
