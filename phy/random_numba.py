"""Draws the random numbers of :mod:`phy.random` in compiled loops, bit for bit, and phasors of random phase.

Cosine and sine of a turn are polynomials, so that a loop over them has no calls and runs on vectors; the same
operations on one number give the same result. Their error is below 2e-16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .numerics.jit import Loop, inlined

Array = np.ndarray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _12 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12)
_TO_INTEGER = 6755399441055744.0  # 1.5 * 2**52: added to a float64 and taken away again, it rounds half to even
_QUARTER_RAD = 6.283185307179586


@inlined
def rounded(number: Any) -> Any:
    """Rounds a float64 of less than 2**51 to the nearest integer, halves to even."""
    return (number + _TO_INTEGER) - _TO_INTEGER


@inlined
def unit(key: Any, counter: Any) -> Any:
    """Draws one uniform number in (0, 1): ``uniform(key, (n,))[counter]``; the key is a uint64."""
    z = key + np.uint64(counter + 1) * _GOLDEN
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    z = z ^ (z >> _31)
    return (np.float64(np.int64(z >> _12)) + 0.5) * 2.0**-52


@inlined
def turned(turn: Any) -> Any:
    """Computes cosine and sine of ``2 pi turn``, float64; the turn is between -1/8 and 9/8 of one."""
    quarter = rounded(turn * 4.0)
    x = (turn - quarter * 0.25) * _QUARTER_RAD  # exact before the product, between -pi / 4 and pi / 4
    y = x * x
    sine = 1.58969099521155010221e-10 * y - 2.50507602534068634195e-08
    sine = ((sine * y + 2.75573137070700676789e-06) * y - 1.98412698298579493134e-04) * y + 8.33333333332248946124e-03
    sine = x + x * y * (sine * y - 1.66666666666666324348e-01)
    cosine = 2.08757232129817482790e-09 - 1.13596475577881948265e-11 * y
    cosine = (
        (cosine * y - 2.75573143513906633035e-07) * y + 2.48015872894767294178e-05
    ) * y - 1.38888888888741095749e-03
    cosine = 1.0 - (0.5 * y - y * y * (cosine * y + 4.16666666666666019037e-02))
    odd = quarter == 1.0 or quarter == 3.0
    real = sine if odd else cosine
    imag = cosine if odd else sine
    return -real if quarter == 1.0 or quarter == 2.0 else real, -imag if quarter == 2.0 or quarter == 3.0 else imag


@Loop
def fill_uniform(keys: Array, start: int, out: Array) -> None:
    """Writes uniform numbers.

    Args:
        keys: uint64 ``[B]``.
        start: counter of the first number.
        out: ``[B, n]``.
    """
    for b in range(len(keys)):
        numbers, key = out[b], keys[b]
        for n in range(len(numbers)):
            numbers[n] = unit(key, start + n)


@Loop.fused
def fill_phasors(keys: Array, level: float, out: Array) -> None:
    """Writes phasors of random phase: rows of cosines, then as many rows of sines.

    Args:
        keys: uint64 ``[B]``, of the phases ``[rows, size]``.
        level: amplitude.
        out: ``[B, 2 rows, size]``.
    """
    rows, size = out.shape[1] // 2, out.shape[2]
    turn, real, imag = np.empty(size), np.empty(size), np.empty(size)
    for b in range(len(keys)):
        key = keys[b]
        for r in range(rows):
            cosine, sine = out[b, r], out[b, rows + r]
            for f in range(size):
                turn[f] = unit(key, r * size + f)
            for f in range(size):
                real[f], imag[f] = turned(turn[f])
            for f in range(size):
                cosine[f], sine[f] = level * real[f], level * imag[f]
