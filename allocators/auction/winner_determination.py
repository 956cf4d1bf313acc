"""Finds the bids that together are worth most: assignments of single resources, and packings of bundles.

U bidders, Rs resources, n columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .optimal import best_assignment

Floats = NDArray[np.float64]

_WHOLE = 1e-9  # from a whole number, up to which one counts as such


@dataclass(frozen=True)
class Bids:
    """Holds bids for bundles; each bidder wins one at most.

    Attributes:
        values: ``[U, n]``.
        contents: resources of each column.
        resources: their number.
        singles: whether column j is resource j alone.
        copies: equal units of each resource, ``[Rs]``; a resource may then be in a bundle several times. None: one.
    """

    values: Floats
    contents: tuple[NDArray[np.int64], ...]
    resources: int
    singles: bool
    copies: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, values: Floats, bundles: Sequence[Sequence[int]] | None) -> Bids:
        """Makes bids of a table, whose columns are resources unless bundles are given.

        Raises:
            ValueError: there is not a bundle for each column, or one is empty.
        """
        columns = values.shape[1]
        if bundles is None:
            return cls(values, tuple(np.array([j]) for j in range(columns)), columns, True)
        if len(bundles) != columns:
            raise ValueError(f"bundles: {len(bundles)} given for {columns} columns: give one for each")
        if any(len(bundle) == 0 or min(bundle) < 0 for bundle in bundles):
            raise ValueError("bundles: each must have one resource at least, counted from 0")
        contents = tuple(np.unique(np.array(bundle, dtype=np.int64)) for bundle in bundles)
        return cls(values, contents, 1 + int(max(content.max() for content in contents)), False)

    def without(self, bidder: int) -> Bids:
        """Returns the bids of the others."""
        values = self.values.copy()
        values[bidder] = 0.0
        return replace(self, values=values)

    def names(self, chosen: NDArray[np.int64]) -> list[Any]:
        """Returns what each bidder gets: a resource, a list of them, or None."""
        found = [self.contents[column].tolist() if column >= 0 else None for column in chosen]
        return [None if one is None else one[0] for one in found] if self.singles else found


def best_bids(bids: Bids) -> NDArray[np.int64]:
    """Finds the column that each bidder wins in the allocation of the greatest value, -1 for none, ``[U]``."""
    if bids.singles:
        return best_assignment(bids.values, bids.values > 0)
    from scipy.sparse import csr_array, vstack

    bidder, column = np.nonzero(bids.values > 0)
    found = np.full(len(bids.values), -1)
    if not len(bidder):
        return found
    pairs = np.arange(len(bidder))
    held = np.concatenate([bids.contents[one] for one in column])
    holder = np.repeat(pairs, [len(bids.contents[one]) for one in column])
    once = csr_array((np.ones(len(pairs)), (bidder, pairs)), shape=(len(found), len(pairs)))
    apart = csr_array((np.ones(len(held)), (held, holder)), shape=(bids.resources, len(pairs)))
    copies = np.ones(bids.resources) if bids.copies is None else bids.copies
    won = _best_packing(bids.values[bidder, column], vstack([once, apart]), np.append(np.ones(len(found)), copies))
    found[bidder[won]] = column[won]
    return found


def _best_packing(worth: Floats, load: Any, most: Floats) -> NDArray[np.bool_]:
    """Maximises the worth of what is taken with ``load @ taken <= most``; the linear relaxation is often whole already.

    Raises:
        RuntimeError: the solver failed.
    """
    from scipy.optimize import Bounds, LinearConstraint, linprog, milp

    relaxed = linprog(-worth, A_ub=load, b_ub=most, bounds=(0.0, 1.0), method="highs-ds")
    if relaxed.x is not None and np.abs(relaxed.x - np.round(relaxed.x)).max() < _WHOLE:
        return np.asarray(relaxed.x > 0.5)
    limit = LinearConstraint(load, ub=most)
    solved = milp(-worth, integrality=np.ones(len(worth)), bounds=Bounds(0, 1), constraints=limit,
                  options={"mip_rel_gap": 0.0})  # fmt: skip
    if solved.x is None:
        raise RuntimeError(f"HiGHS found no allocation: {solved.message}")
    return np.asarray(solved.x > 0.5)


def welfare_of(bids: Bids, chosen: NDArray[np.int64]) -> float:
    """Sums the values of what bidders get."""
    return float(bids.values[np.flatnonzero(chosen >= 0), chosen[chosen >= 0]].sum())
