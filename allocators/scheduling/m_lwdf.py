"""Schedules by modified largest weighted delay first: proportional fair, weighted by the delay over its budget."""

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
    """Gives each PRB to the UE with the greatest a W rate / average (M-LWDF), W the age of its oldest byte.

    With a = -ln(delta) / delay budget this keeps P(W > budget) <= delta where that is possible. W counts to the end of
    the slot, so that the metric of a packet that has just arrived is not 0. UEs without a delay budget have a W = 1,
    the proportional fair metric; a UE with a budget comes before them when its oldest byte has used up 1 / -ln(delta)
    of it (a third at delta = 0.05).

    Source: Andrews et al., "Providing quality of service over a shared wireless link", IEEE Communications Magazine
    39(2), 2001.
    """

    delta: float = Field(default=0.05, gt=0, lt=1)
    """Share of packets that may miss their budget."""
    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average rate."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Starts the average rates anew."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._saturated, self._slot_s = context.saturated, context.slot_s
        self._exponent = -math.log(self.delta)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE with the greatest weighted delay times rate over average."""
        budget_s = observation.delay_budget_s
        age_s = observation.head_of_line_s + self._slot_s
        urgency = torch.where(torch.isinf(budget_s), 1.0, self._exponent * age_s / budget_s)
        weight = (urgency * self._average.weight(observation)).to(observation.rate_bits.dtype)
        return assign(observation.rate_bits, observation, self.passes, self._saturated, weight)
