"""Tabulates ``-log(Phi(x))`` of the standard normal distribution as Taylor polynomials, for compiled loops.

With h = phi / Phi, the hazard of the other tail, ``(-log Phi)' = -h`` and ``h' = -h (x + h)``, from which the
coefficients about any point follow one by one.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

FARTHEST, STEPS = 8.0, 16
"""The table reaches from -FARTHEST to FARTHEST, in STEPS intervals a unit."""

_DEGREE = 8  # the next term is below 1e-16


@functools.cache
def taylor_table() -> np.ndarray:
    """Computes the coefficients about the middle of each interval, ascending powers, ``[2 * FARTHEST * STEPS, 9]``."""
    count = int(2 * FARTHEST * STEPS)
    middle = (np.arange(count) + 0.5) / STEPS - FARTHEST
    log_below = torch.special.log_ndtr(torch.from_numpy(middle)).numpy()
    hazard = [np.exp(-0.5 * middle**2 - 0.5 * math.log(2.0 * math.pi) - log_below)]
    for k in range(_DEGREE - 1):
        square = sum(hazard[i] * hazard[k - i] for i in range(k + 1))
        hazard.append(-(middle * hazard[k] + (hazard[k - 1] if k else 0.0) + square) / (k + 1))
    return np.stack([-log_below, *(-h / (k + 1) for k, h in enumerate(hazard))], -1)
