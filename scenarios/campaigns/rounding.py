"""Rounds a mean and its interval to what the interval allows.

An uncertainty is stated with at most two significant digits, and the mean to the same decimal place (JCGM 100:2008,
7.2.6).
"""

from __future__ import annotations

import math

from ..results.result import is_lopsided

_ALONE = 3  # significant digits of a mean without an interval
_MOST = 6  # digits of a mean that count: those of float32, in which runs are computed


def decimals(half: float) -> int:
    """Finds the decimal place of the second significant digit: 3 for 0.0123, -1 for 123."""
    found = 1 - math.floor(math.log10(half))
    return found if round(half, found) < 10.0 ** (2 - found) else found - 1  # 0.0996 is 0.10


def rounded(mean: float, low: float, high: float, plus_minus: str = "±") -> tuple[str, str]:
    """Writes a mean, and its interval: ``("0.913", " ± 0.056")``.

    The interval is ``" [0.95, 1.00]"`` where the mean is not in the middle, and empty where there is none.

    Args:
        mean: over drops.
        low: lower end of the interval, NaN where it is not known.
        high: upper end.
        plus_minus: the sign between mean and half interval.
    """
    half = (high - low) / 2
    if not math.isfinite(mean):
        return ("-" if math.isnan(mean) else "∞" if mean > 0 else "-∞"), ""
    if not math.isfinite(half):
        return fixed(mean, _alone(mean)), ""
    if half < 10.0**-_MOST * abs(mean) or half == 0:  # nothing varies, but for rounding
        return fixed(mean, _alone(mean)), f" {plus_minus} 0"
    places = decimals(half)
    if is_lopsided(mean, low, high):
        return fixed(mean, places), f" [{fixed(low, places)}, {fixed(high, places)}]"
    return fixed(mean, places), f" {plus_minus} {fixed(half, places)}"


def fixed(value: float, places: int) -> str:
    """Writes a number rounded to decimal places, which may be negative: 12300 for 12345 and -2."""
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _alone(mean: float) -> int:
    return _ALONE - 1 - math.floor(math.log10(abs(mean))) if mean else _ALONE
