"""Proportional fair: each PRB to the user for whom it is best compared with what he usually gets."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .served_average import ServedAverage


@dataclass(config=PARAMETERS)
class ProportionalFair:
    """Proportional fair per PRB: metric = rate of the PRB over the user's average served rate.

    Maximises the sum of the logarithms of the average rates. With equal traffic everybody gets the same air time, and
    each on those PRBs and in those slots in which his own channel is good.

    Source: Kelly, 1997; Tse and Viswanath, 2005, section 6.7.1. The average's start is described at
    :class:`~allocators.scheduling.served_average.ServedAverage`.
    """

    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Forget the averages."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._saturated = context.saturated

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each PRB to the greatest rate over average."""
        weight = self._average.weight(observation).to(observation.rate_bits.dtype)
        return assign(observation.rate_bits, observation, self.passes, self._saturated, weight)
