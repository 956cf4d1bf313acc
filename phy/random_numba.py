"""Draws the numbers of :mod:`phy.random` one at a time in compiled loops."""

from __future__ import annotations

import numpy as np

from .numerics.jit import inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _12, _ONE = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12), np.uint64(1)


@inlined
def draw_uniform(key: int, counter: int) -> float:
    """Draws the number of one key and counter, of :func:`phy.random.uniform`.

    Args:
        key: of the drop, int64.
        counter: of the number, int64.
    """
    z = np.uint64(key) + (np.uint64(counter) + _ONE) * _GOLDEN
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    z = z ^ (z >> _31)
    return (float(np.int64(z >> _12)) + 0.5) * 2.0**-52
