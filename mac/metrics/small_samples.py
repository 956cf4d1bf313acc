"""Checks where the interval of a few drops does not hold, and computes what does.

Student's t assumes values that are about normal. It fails for values that are mostly equal (*tied*: zeros of a rare
event, differences of 0) and for very skewed ones. ``docs/reference/intervals.md`` has the coverage of each case.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .windows import Array

EXACT_DROPS = 12
"""Up to so many drops all sign flips are tried, with more :data:`FLIPS` random ones."""
FLIPS = 1999
_SKEWED = 2.58  # standard errors of the skewness of normal values: 1 % of normal samples are beyond
_POWER = 0.8
_RARE = 4  # a quarter of the values are 0
_SAME_SUM = 1e-13  # of the sum of sizes: what rounding changes in a sum of flipped values
_ROUNDING = 1e-9  # relative spread below which values differ by rounding only


def tied(values: ArrayLike) -> tuple[int, int, float] | None:
    """Finds values of which at least half are equal.

    Returns:
        How many differ from the most frequent value, how many there are, and that value; None where fewer than half
        are equal, and for a single one. NaN is not counted.
    """
    known = _known(values)
    if known.size < 2:
        return None
    common, most = most_frequent(known)
    if most < 2 or 2 * most < known.size:
        return None
    return known.size - most, known.size, common


def most_frequent(known: Array) -> tuple[float, int]:
    """Finds the value that most drops have, the least of several, and how many have it."""
    distinct, counts = np.unique(known, return_counts=True)
    return float(distinct[counts.argmax()]), int(counts.max())


def is_skewed(values: ArrayLike) -> bool:
    """Checks whether the skewness of a sample is beyond that of 99 % of normal samples of its size.

    The adjusted skewness over its standard error under normality, ``sqrt(6 n (n-1) / ((n-2) (n+1) (n+3)))``.
    """
    known = _known(values)
    n = known.size
    if n < 3 or not np.isfinite(known).all() or np.ptp(known) <= _ROUNDING * np.abs(known).max():
        return False
    error = math.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
    return abs(skewness(known)) > _SKEWED * error


def skewness(values: Array) -> float:
    """Computes the adjusted skewness ``m3 / m2^1.5 sqrt(n (n-1)) / (n-2)`` of three or more values that vary."""
    n, apart = len(values), values - values.mean()
    scaled = apart / np.abs(apart).max()
    third, second = float((scaled**3).mean()), float((scaled**2).mean())
    return float(third / second**1.5 * math.sqrt(n * (n - 1)) / (n - 2))


def remark(values: ArrayLike) -> str:
    """Writes why the interval of these values does not hold; nothing where it does.

    ``3 of 8 drops differ from 0`` where at least half are equal, ``skewed`` where the skewness is beyond chance. Where
    all are equal to another value than 0, there is nothing to say: nothing varies.
    """
    found = tied(values)
    if found is not None:
        differ, drops, common = found
        return f"{differ} of {drops} drops differ from {common:.4g}" if differ or common == 0 else ""
    return "skewed" if is_skewed(values) else ""


def mean_remark(values: ArrayLike, of_events: bool) -> tuple[str, bool]:
    """Writes why the interval of a mean does not hold, and whether none can be told.

    None can be told where values are tied, nor of events that a quarter of the drops or more do not have: a few drops
    then often miss what the mean depends on, such as a drop that has most of the losses.

    Args:
        values: one per drop.
        of_events: whether 0 says that something undesired did not occur (:func:`mac.metrics.registry.is_of_events`).

    Returns:
        As :func:`remark`, and a truth value; ``("", False)`` where the interval holds.
    """
    known = _known(values)
    zeros = int((known == 0).sum())
    text = remark(known)
    if of_events and text in ("", "skewed") and 1 < known.size <= _RARE * zeros:
        return f"{known.size - zeros} of {known.size} drops differ from 0", True
    return text, text not in ("", "skewed")


def event_share_interval(events: int, drops: int) -> tuple[float, float]:
    """Computes the exact 95 % interval of the share of drops in which an event occurs (Clopper and Pearson, 1934)."""
    low = float(special.betaincinv(events, drops - events + 1, 0.025)) if events else 0.0
    high = float(special.betaincinv(events + 1, drops - events, 0.975)) if events < drops else 1.0
    return low, high


def student_p(differences: ArrayLike) -> float:
    """Computes the two-sided p-value of Student's paired test; NaN for fewer than two values or infinite ones."""
    known = _known(differences)
    if known.size < 2 or not np.isfinite(known).all():
        return math.nan
    if np.ptp(known) == 0:
        return 1.0 if known[0] == 0 else 0.0
    t = float(known.mean()) / (float(known.std(ddof=1)) / math.sqrt(known.size))
    return float(2 * special.stdtr(known.size - 1, -abs(t)))


def sign_flip_p(differences: ArrayLike) -> float:
    """Computes the two-sided p-value of paired differences by flipping their signs; exact up to 12 drops.

    If two allocators are equal, each difference has either sign with the same probability, whatever its distribution.
    NaN for fewer than two values or infinite ones.
    """
    known = _known(differences)
    if known.size < 2 or not np.isfinite(known).all():
        return math.nan
    if not known.any():
        return 1.0
    moved = known[known != 0]  # zeros have no sign
    return _exact_flip_p(moved) if moved.size <= EXACT_DROPS else _drawn_flip_p(moved)


def _exact_flip_p(moved: Array) -> float:
    """Computes the share of all sign flips whose sum is at least as far from 0 as the observed one."""
    signs = 1 - 2 * (np.arange(2**moved.size)[:, None] >> np.arange(moved.size) & 1)
    sums = np.abs(signs @ moved)
    return float(np.mean(sums >= sums[0] - _SAME_SUM * np.abs(moved).sum()))


def _drawn_flip_p(moved: Array) -> float:
    from scipy import stats  # here, as it takes a second

    drawn = np.random.Generator(np.random.Philox(key=moved.size))
    found = stats.permutation_test((moved,), np.mean, permutation_type="samples", n_resamples=FLIPS, rng=drawn)
    return float(found.pvalue)


def required_drops(differences: ArrayLike) -> int | None:
    """Estimates how many drops tell a difference of the observed size from 0, at 5 % and a power of 0.8.

    By the t-test at the observed mean and standard deviation; None where that has no answer (no difference, no spread,
    fewer than two values), and beyond 100,000.
    """
    known = _known(differences)
    if known.size < 2 or not np.isfinite(known).all() or np.ptp(known) == 0 or known.mean() == 0:
        return None
    effect = abs(float(known.mean())) / float(known.std(ddof=1))
    if effect < 0.01:  # some 80,000
        return None
    normal = float(special.ndtri(0.975) + special.ndtri(_POWER))
    drops = max(2, math.floor((normal / effect) ** 2))  # what a known spread would need; Student's t needs some more
    while _power(effect, drops) < _POWER:
        drops += 1
    return drops


def _power(effect: float, drops: int) -> float:
    """Computes the probability that a two-sided t-test at 5 % finds an effect, in standard deviations."""
    quantile = float(special.stdtrit(drops - 1, 0.975))
    return 1 - float(special.nctdtr(drops - 1, min(effect, 50.0) * math.sqrt(drops), quantile))


def _known(values: ArrayLike) -> Array:
    known = np.asarray(values, dtype=np.float64).ravel()
    return known[~np.isnan(known)]
