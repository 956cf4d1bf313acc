"""Computes how many drops an interval of a wanted width needs, with a stopping rule after which it still covers 95 %.

Drops that are added until an interval looks narrow enough stop where the spread looks small, so that the interval
covers less than it claims. Stein's two-stage procedure (Ann. Math. Statist. 16(3), 1945) avoids this: the spread of a
pilot of ``n0`` drops alone, with the quantile of ``n0 - 1`` degrees of freedom, says how many drops are needed, and for
normal values the interval ``mean -+ half`` covers at least 95 %. Ours beyond Stein: all drops must be narrow enough,
too, and values must vary. Both add drops only, by the spread alone, of which a normal mean is independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .small_samples import most_frequent
from .windows import Array

PILOT = 32
"""Drops of the pilot, at least: with fewer, intervals of skewed values cover less."""
_LEAST_VARIED = 8
"""So many drops must differ from the most frequent value before a spread is believed."""


@dataclass(frozen=True)
class Precision:
    """Describes how precise the mean of some drops is, and how many drops would do.

    Attributes:
        half: half of the interval that is reached, infinite where the values do not vary enough to tell.
        drops: that are needed for the wanted one, as far as can be told; at most twice as many as there are where the
            spread is not known.
    """

    half: float
    drops: int


def precision(values: ArrayLike, pilot: int, wanted: float) -> Precision:
    """Computes the half interval that is reached, and the drops that are needed.

    ``half = max(t(n0-1) s0, t(n-1) s) / sqrt(n)``, of the pilot's ``n0`` drops and of all ``n``.

    Args:
        values: one per drop, in the order of the drops; NaN is not counted.
        pilot: the first so many are the pilot.
        wanted: half of the interval.
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    first, known = _known(given[:pilot]), _known(given)
    scaled = max(_scaled(first), _scaled(known))
    if not math.isfinite(scaled) or known.size - most_frequent(known)[1] < _LEAST_VARIED:
        return Precision(math.inf, 2 * given.size)
    half, share = scaled / math.sqrt(known.size), known.size / given.size
    needed = given.size if half <= wanted else max(given.size + 1, math.ceil((scaled / wanted) ** 2 / share))
    return Precision(half, needed)


def _scaled(known: Array) -> float:
    """Computes ``t(0.975, n-1) s``, infinite for fewer than two values and infinite ones."""
    if known.size < 2 or not np.isfinite(known).all():
        return math.inf
    return float(special.stdtrit(known.size - 1, 0.975)) * float(known.std(ddof=1))


def _known(values: Array) -> Array:
    return values[~np.isnan(values)]
