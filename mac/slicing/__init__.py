"""Runs slice controllers: how many RBGs each slice of a cell has, decided at every report (TS 28.541 4.3.36).

| name | holds |
|---|---|
| ``SlicingContext`` | what stays the same over a run, given to ``reset`` |
| ``SlicingObservation`` | reports of the last interval, given to ``decide`` |
| ``SlicingDecision`` | RBGs of each slice and the limits of lending, returned by ``decide`` |

| module | provides |
|---|---|
| ``settings`` | slices, clock and rules, and what follows of them: number of RBGs, slots of an interval |
| ``types`` | the three above |
| ``carrier_slices`` | which slice owns, keeps and lends which PRBs of a cell, also beside PRBs that are sold |
| ``problem`` | ``SlicingProblem``: sets the quotas and runs a scheduler under them |
| ``feasible`` | checks and repairs of decisions |
| ``slice_metrics`` | the metrics of slices |
| ``tractor_score`` | the score of TRACTOR (arXiv 2312.07896) |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import SlicingContext, SlicingDecision, SlicingObservation

__all__ = ["SlicingContext", "SlicingDecision", "SlicingObservation"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
