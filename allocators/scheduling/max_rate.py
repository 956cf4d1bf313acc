"""Max rate: each PRB to the user who can use it best."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from allocators.settings import PARAMETERS
from mac.scheduling_types import SchedulingContext, SchedulingDecision, SchedulingObservation

from .assign import assign
from .turns import Line


@dataclass(config=PARAMETERS)
class MaxRate:
    """Max rate per PRB: metric = rate of the PRB. The bound of throughput; users at the edge starve.

    CQIs are few, so several users often have the greatest rate. Of these the PRB goes to whoever has waited longest,
    and of those who have waited equally long to who then got fewer PRBs (:class:`~allocators.scheduling.turns.Line`).

    Source: Knopp and Humblet, Information capacity and power control in single-cell multiuser communications, 1995.
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Put the users in line."""
        self._saturated, self._line = context.saturated, Line(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each PRB to the greatest rate."""
        in_line = self._line.ordered(observation)
        decision = assign(in_line.rate_bits, in_line, self.passes, self._saturated)
        self._line.served(decision.user)
        return decision
