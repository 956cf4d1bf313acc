"""Computes p-values that are corrected for the number of tests."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """Computes p-values corrected after Holm (Scand. J. Statist. 6(2), 1979), in the same order; NaN stays and does not count.

    Tests whose adjusted value is at most a level have, together, a probability of at most that level of one false
    finding, however they depend on each other.
    """
    from statsmodels.stats.multitest import multipletests

    known = [value for value in p if value == value]
    if not known:
        return list(p)
    adjusted = iter(multipletests(known, method="holm")[1].tolist())
    return [float(next(adjusted)) if value == value else value for value in p]
