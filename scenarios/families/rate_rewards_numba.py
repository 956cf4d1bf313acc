"""Computes rewards of rates in a compiled loop, for CPUs; the torch form is :mod:`.rate_rewards`. B drops, U UEs."""

from __future__ import annotations

import math

import numpy as np

from phy.numerics.jit import Loop

_TOGETHER = 7  # less 1, UEs whose logarithms are taken at once, as that of a product: up to 1e38 Mbit/s none overflows


@Loop
def mean_log_rate(served_bits: np.ndarray, mbps_per_bit: float, found: np.ndarray) -> None:
    """Computes the mean of log(1 + rate in Mbit/s) over UEs.

    Args:
        served_bits: of the interval, ``[B, U]``.
        mbps_per_bit: rate in Mbit/s of a bit in the interval.
        found: written, float64 ``[B]``.
    """
    drops, users = served_bits.shape
    for b in range(drops):
        total, product = 0.0, 1.0
        for u in range(users):
            product *= 1.0 + served_bits[b, u] * mbps_per_bit
            if u & _TOGETHER == _TOGETHER:
                total += math.log(product)
                product = 1.0
        found[b] = (total + math.log(product)) / users
