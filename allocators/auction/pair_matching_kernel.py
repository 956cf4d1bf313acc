"""Holds the loop of greedy matching, which is compiled where loops are (:mod:`phy.numerics.jit`)."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray


def match_best_first(
    score: NDArray[np.floating],
    demand: NDArray[np.float64],
    left: NDArray[np.float64],
    one_each: bool,
    resource: NDArray[np.int64],
) -> None:
    """Matches the pair of the highest score that is still possible, again and again.

    Each request waits with its best pair. Where its resource has no room left when its turn comes, the request looks
    for its best pair anew; what did not fit never fits later.

    Args:
        score: ``[U, Rs]``; minus infinity for pairs that are not allowed.
        demand: of the requests, ``[U]``.
        left: capacity of the resources, ``[Rs]``; reduced.
        one_each: a resource serves one request.
        resource: of each request, ``[U]``, -1 for none; written.
    """
    waiting = [(-np.inf, request, -1) for request in range(len(demand)) if resource[request] < 0]
    most = left.max()  # room of a resource
    while len(waiting) > 0:
        _, i, j = heapq.heappop(waiting)
        if demand[i] > most:
            continue
        if j >= 0 and left[j] >= demand[i]:
            resource[i] = j
            largest = left[j] == most
            left[j] = -1.0 if one_each else left[j] - demand[i]
            if largest:
                most = left.max()
            continue
        best, at = -np.inf, -1
        for other in range(len(left)):
            if score[i, other] > best and left[other] >= demand[i]:
                best, at = score[i, other], other
        if at >= 0:
            heapq.heappush(waiting, (-best, i, at))


def loop() -> Any:
    """Returns the loop, compiled where loops are."""
    from phy.numerics.jit import Loop, uses_numba

    global _loop
    if _loop is None:
        _loop = Loop(match_best_first) if uses_numba() else match_best_first
    return _loop


_loop: Any = None
