"""Max rate: each PRB to the user who can use it best."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .slice_groups import TieBreaker


@dataclass(config=PARAMETERS)
class MaxRate:
    """Max rate per PRB: metric = rate of the PRB. The bound of throughput; users at the edge starve.

    CQIs are few, so several users often have the greatest rate. Among these a random order decides that is drawn anew
    in every slot (:class:`~allocators.scheduling.slice_groups.TieBreaker`), so that equals get equally much in the long run.

    Source: Knopp and Humblet, Information capacity and power control in single-cell multiuser communications, 1995.
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Nothing to forget."""
        self._saturated, self._lots = context.saturated, TieBreaker(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each PRB to the greatest rate."""
        return assign(observation.rate_bits, self._lots.ordered(observation), self.passes, self._saturated)
