"""Schedules by proportional fairness: each PRB goes to the UE with the greatest rate over its average rate."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.core.contracts import Outcome
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .in_place import run_in_place
from .served_average import ServedAverage


@dataclass(config=PARAMETERS)
class ProportionalFair:
    """Gives each PRB to the UE with the greatest rate of the PRB over its average served rate.

    This maximises the sum of the logarithms of the average rates. With equal traffic all UEs get the same air time,
    each on the PRBs and in the slots in which its own channel is good.

    Source: Kelly, "Charging and rate control for elastic traffic", European Trans. Telecommunications 8(1), 1997; Tse
    and Viswanath, "Fundamentals of wireless communication", Cambridge University Press, 2005, section 6.7.1. The
    average's start is described at :class:`~allocators.scheduling.served_average.ServedAverage`.
    """

    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Starts the average rates anew."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._saturated = context.saturated

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE with the greatest rate over average."""
        weight = self._average.weight(observation).to(observation.rate_bits.dtype)
        return assign(observation.rate_bits, observation, self.passes, self._saturated, weight)

    def run_intervals(self, problem: Any, state: Any, most: int) -> tuple[Any, Outcome, float] | None:
        """Runs several slots at once where buffers are always full; see :func:`.in_place.run_in_place`."""
        return run_in_place(problem, state, most, self._average)
