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
| ``observe`` | the observation of a slot, with the quotas of slices |
| ``decision_check`` | when decisions are checked: at once, at the end of a block, or with repair |
| ``feasible``, ``feasible_numba`` | checks and repairs of decisions, in torch and compiled |
"""

from .types import SchedulingContext, SchedulingDecision, SchedulingObservation

__all__ = ["SchedulingContext", "SchedulingDecision", "SchedulingObservation"]
