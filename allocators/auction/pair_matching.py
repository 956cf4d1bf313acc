"""Matches requests to resources greedily, in the order of a score of pairs.

The result is that of sorting all pairs; sorted are only those that a threshold lets through, again and again, which
takes a small part of the time. Equal scores go by the number of the request, then of the resource.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mac.auction import AuctionContext, AuctionObservation

from .pair_matching_kernel import loop

_CHUNK = 1 << 14  # pairs sorted at once, at least
_UNLIMITED = np.iinfo(np.int64).max


def match(score: Tensor, seen: AuctionObservation, context: AuctionContext, one_each: bool | None = None) -> Tensor:
    """Matches the pairs of each drop, best first, int64 ``[B, U]``, -1 for requests that are left over.

    Args:
        score: of each pair, ``[B, U, Rs]``; minus infinity for pairs that are not allowed.
        seen: demands and capacities.
        context: of the run; its rules say how many requests a resource may serve.
        one_each: a resource serves one request; None: as the rules say.
    """
    one_each = context.as_published if one_each is None else one_each
    found = [
        match_pairs(score[drop].cpu().numpy(), _floats(seen.demand[drop]), _floats(seen.capacity[drop]), one_each)
        for drop in range(len(score))
    ]
    return torch.from_numpy(np.stack(found)).to(context.device)


def match_pairs(
    score: NDArray[np.floating],
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    one_each: bool,
    taken: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Matches the pairs of one drop, best first; returns the resource of each request, -1 for none.

    Args:
        score: ``[U, Rs]``; minus infinity for pairs that are not allowed.
        demand: ``[U]``.
        capacity: ``[Rs]``.
        one_each: a resource serves one request.
        taken: what requests have already, ``[U]``, -1 for nothing.
    """
    users, count = score.shape
    resource = np.full(users, -1) if taken is None else taken.copy()
    left, places = capacity.copy(), np.full(count, 1 if one_each else _UNLIMITED)
    for request in np.flatnonzero(resource >= 0):
        left[resource[request]] -= demand[request]
        places[resource[request]] -= 1
    rows, columns, below = np.arange(users), np.arange(count), np.inf
    while True:
        rows = rows[resource[rows] < 0]
        columns = columns[places[columns] > 0]
        if not one_each and len(rows):
            columns = columns[left[columns] >= demand[rows].min()]
        if not len(rows) or not len(columns):
            return resource
        whole = len(rows) == users and len(columns) == count
        chosen, below = _best((score if whole else score[np.ix_(rows, columns)]).reshape(-1), below)
        loop()(rows[chosen // len(columns)] * count + columns[chosen % len(columns)], demand, left, places, resource)
        if below == -np.inf:
            return resource


def _best(values: NDArray[np.floating], below: float) -> tuple[NDArray[np.int64], float]:
    """Returns the indices of the best pairs below a score, best first and all of the last score, and that score.

    What has once been looked at and did not fit never fits later. Minus infinity: no pairs are left.
    """
    open_ = np.flatnonzero((values < below) & (values > -np.inf))
    scores = values[open_]
    want = max(_CHUNK, len(scores) // 16)
    if len(scores) <= 2 * want:
        return open_[_descending(scores)], -np.inf
    threshold = float(np.partition(scores, len(scores) - want)[len(scores) - want])
    best = scores >= threshold
    chosen = open_[best]
    return chosen[_descending(scores[best])], threshold


def _descending(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Sorts with equal scores in their order; the quick sort does not keep it and serves where no two are equal."""
    order: NDArray[np.int64] = np.argsort(-scores)
    ranked = scores[order]
    return order if (ranked[1:] < ranked[:-1]).all() else np.argsort(-scores, kind="stable")


def _floats(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.cpu().numpy().astype(np.float64)
    return found
