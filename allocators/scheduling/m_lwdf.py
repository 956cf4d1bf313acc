"""Modified largest weighted delay first: proportional fair with patience running out."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .served_average import ServedAverage


@dataclass(config=PARAMETERS)
class ModifiedLargestWeightedDelayFirst:
    """M-LWDF: metric = a W rate / average, with a = -ln(delta) / delay budget and W the age of the oldest byte.

    Keeps P(W > budget) <= delta where that is possible. W counts to the end of the slot, so that a packet that has
    just come is not worth nothing. Users without a delay budget have a W = 1, the proportional fair metric; a user
    with a budget overtakes them when his oldest byte has used up 1 / -ln(delta) of it (a third at delta = 0.05).

    Source: Andrews et al., Providing quality of service over a shared wireless link, IEEE Communications Magazine
    39(2), 2001.
    """

    delta: float = Field(default=0.05, gt=0, lt=1)
    """Share of packets that may miss their budget."""
    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average rate."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Forget the averages."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._saturated, self._slot_s = context.saturated, context.slot_s
        self._patience = -math.log(self.delta)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each PRB to the greatest weighted delay times rate over average."""
        budget_s = observation.delay_budget_s
        age_s = observation.head_of_line_s + self._slot_s
        hurry = torch.where(torch.isinf(budget_s), 1.0, self._patience * age_s / budget_s)
        weight = (hurry * self._average.weight(observation)).to(observation.rate_bits.dtype)
        return assign(observation.rate_bits, observation, self.passes, self._saturated, weight)
