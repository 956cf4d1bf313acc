"""Checks in a loop whether a UE holds a PRB that it may not hold; the torch form is in
:mod:`mac.scheduling.feasible`.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from phy.numerics.jit import Loop

from .types import SchedulingObservation

Array = np.ndarray

_ALL = np.empty((0, 0, 0), np.bool_)
_NO_LIMIT = np.empty((0, 0, 0), np.int64)


def masks(observation: SchedulingObservation) -> tuple[Array, Array]:
    """Returns the PRBs that each UE may hold, and those it may borrow, bool ``[B, U, K]``; no rows if not given."""
    return _array(observation.owned, observation), _array(observation.borrowable, observation)


def limits(observation: SchedulingObservation) -> tuple[Array, Array]:
    """Returns each UE's slice ``[B, U]``, and the PRBs that each slice may hold ``[B, C, S]``; no rows if not given."""
    most = observation.most_prbs
    return observation.slice_id.contiguous().numpy(), _NO_LIMIT if most is None else most.contiguous().numpy()


def _array(mask: Tensor | None, observation: SchedulingObservation) -> Array:
    if mask is None:
        return _ALL
    array: Array = mask.expand(observation.rate_bits.shape).contiguous().numpy()
    return array


@Loop
def breached(user: Array, serving: Array, owned: Array, lent: Array, slice_id: Array, most: Array) -> bool:
    """Returns whether a PRB is held by a UE that does not exist, that another cell serves, or that may not hold it.

    Also true where a slice holds more than its most.

    Args:
        user: ``[B, C, K]``, -1 for none.
        serving: ``[B, U]``.
        owned: ``[B, U, K]`` bool, see :func:`masks`.
        lent: likewise.
        slice_id: ``[B, U]``, see :func:`limits`.
        most: ``[B, C, S]``, likewise.
    """
    drops, cells, prbs = user.shape
    held = np.empty(most.shape[2], np.int64)
    for b in range(drops):
        for c in range(cells):
            held[:] = 0
            for k in range(prbs):
                u = user[b, c, k]
                if u == -1:
                    continue
                if u < 0 or u >= serving.shape[1] or serving[b, u] != c:
                    return True
                if len(owned) and not owned[b, u, k] and not (len(lent) and lent[b, u, k]):
                    return True
                if len(most):
                    held[slice_id[b, u]] += 1
                    if held[slice_id[b, u]] > most[b, c, slice_id[b, u]]:
                        return True
    return False
