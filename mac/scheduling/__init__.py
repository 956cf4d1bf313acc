"""Runs schedulers: which UE holds each PRB of each cell, decided in every slot.

| name | holds |
|---|---|
| ``SchedulingContext`` | what stays the same over a run, given to ``reset`` |
| ``SchedulingObservation`` | what a base station knows at the start of a slot, given to ``decide`` |
| ``SchedulingDecision`` | the UE of each PRB, returned by ``decide`` |

| module | provides |
|---|---|
| ``types`` | the three above |
| ``problem`` | ``SchedulingProblem``: checks a decision and transmits a slot |
| ``feasible``, ``feasible_numba`` | checks and repairs of decisions, in torch and compiled |
"""

from .types import SchedulingContext, SchedulingDecision, SchedulingObservation

__all__ = ["SchedulingContext", "SchedulingDecision", "SchedulingObservation"]
