"""Holds the loop of greedy matching, which is compiled where loops are (:mod:`phy.numerics.jit`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def match_in_order(
    pair: NDArray[np.int64],
    demand: NDArray[np.float64],
    left: NDArray[np.float64],
    places: NDArray[np.int64],
    resource: NDArray[np.int64],
) -> None:
    """Gives each pair its resource if the request has none yet and the resource still has room.

    Args:
        pair: request times the number of resources plus resource, best first.
        demand: of the requests, ``[U]``.
        left: capacity of the resources, ``[Rs]``; reduced.
        places: requests that each resource may still serve, ``[Rs]``; reduced.
        resource: of each request, ``[U]``, -1 for none; written.
    """
    count = len(left)
    for at in range(len(pair)):
        i = pair[at] // count
        j = pair[at] - i * count
        if resource[i] < 0 and places[j] > 0 and left[j] >= demand[i]:
            resource[i] = j
            left[j] -= demand[i]
            places[j] -= 1


def loop() -> Any:
    """Returns the loop, compiled where loops are."""
    from phy.numerics.jit import Loop, uses_numba

    global _loop
    if _loop is None:
        _loop = Loop(match_in_order) if uses_numba() else match_in_order
    return _loop


_loop: Any = None
