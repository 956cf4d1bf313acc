"""Schedules by maximum rate: each PRB goes to the UE whose rate on it is greatest."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .slice_groups import TieBreaker


@dataclass(config=PARAMETERS)
class MaxRate:
    """Gives each PRB to the UE with the greatest rate on it: the most throughput, and the least fairness.

    CQIs are few, so several UEs often have the greatest rate. Among these a random order decides that is drawn anew in
    every slot (:class:`~allocators.scheduling.slice_groups.TieBreaker`), so that they get equally much in the long run.

    Source: Knopp and Humblet, "Information capacity and power control in single-cell multiuser communications", ICC
    1995.
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Sets up the order of UEs with equal rates."""
        self._saturated, self._ties = context.saturated, TieBreaker(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE with the greatest rate."""
        return assign(observation.rate_bits, self._ties.reorder(observation), self.passes, self._saturated)
