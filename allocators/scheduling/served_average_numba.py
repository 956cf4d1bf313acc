"""Computes the average rate of each UE after a slot in a loop; torch form: :mod:`.served_average`."""

from __future__ import annotations

import numpy as np

from phy.numerics.jit import Loop, compiled

Array = np.ndarray


@Loop
def follow(served: Array, share: float, least_bits: float, bits: Array, weight: Array) -> None:
    """Counts a slot in the averages.

    Args:
        served: float64 ``[B, U]`` bits served in it.
        share: of the slot in the average.
        least_bits: that an average never falls below.
        bits: ``[B, U]`` averages before, and after.
        weight: ``[B, U]``, written; one over the average.
    """
    for b in range(bits.shape[0]):
        follow_drop(served[b], share, least_bits, bits[b], weight[b])


@compiled
def follow_drop(served: Array, share: float, least_bits: float, bits: Array, weight: Array) -> None:
    """Counts a slot in the averages of a drop, ``[U]``; see :func:`follow`."""
    kind = bits.dtype.type
    kept, least, one = kind(1.0 - share), kind(least_bits), kind(1.0)
    for u in range(len(bits)):
        bits[u] = max(kind(np.float64(bits[u] * kept) + served[u] * share), least)
        weight[u] = one / bits[u]
