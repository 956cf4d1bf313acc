"""Computes the average rate of each UE after a slot in a loop; torch form: :mod:`.served_average`."""

from __future__ import annotations

import numpy as np

from phy.numerics.jit import Loop

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
    kind = bits.dtype.type
    kept, least, one = kind(1.0 - share), kind(least_bits), kind(1.0)
    for b in range(bits.shape[0]):
        for u in range(bits.shape[1]):
            bits[b, u] = max(kind(np.float64(bits[b, u] * kept) + served[b, u] * share), least)
            weight[b, u] = one / bits[b, u]
