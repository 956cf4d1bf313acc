"""Schedules by earliest deadline first: the UE whose oldest byte has the least time left."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign
from .served_average import ServedAverage

_HORIZON_SLOTS = 4096  # deadlines that are farther away all count alike


@dataclass(config=PARAMETERS)
class EarliestDeadline:
    """Gives each PRB to the UE with the least time left: delay budget less age of the oldest byte, in whole slots.

    UEs without a delay budget come last. These, and UEs with equally many slots left, are ranked by the
    proportional fair metric x = rate over average. The metric is ``(4096 - slots left) + x / (1 + x) / 2``, held
    within [0, 8192]: in float32 the second term then resolves 1/1000 for urgent UEs and 1e-7 for those without a
    budget. A block that waits for its repetition is older than what its queue shows and goes first of all.

    Source: Liu and Layland, "Scheduling algorithms for multiprogramming in a hard-real-time environment", Journal of
    the ACM 20(1), 1973.
    """

    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average rate that breaks ties."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Starts the average rates anew."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._saturated, self._slot_s = context.saturated, context.slot_s

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE with the least time left."""
        rate = observation.rate_bits
        relative = rate * self._average.weight(observation).to(rate.dtype)[..., None]
        urgency = self._urgency(observation).to(rate.dtype)[..., None]
        return assign(urgency + 0.5 * (relative / (1.0 + relative)), observation, self.passes, self._saturated)

    def _urgency(self, observation: SchedulingObservation) -> Tensor:
        """Computes the slots by which the deadline lies within the horizon, ``[B, U]``; 0 without a deadline."""
        left = (observation.delay_budget_s - observation.head_of_line_s) / self._slot_s
        urgency = (_HORIZON_SLOTS - left.round()).clamp(0, 2 * _HORIZON_SLOTS - 1)
        return torch.where(observation.retransmits & (urgency > 0), 2.0 * _HORIZON_SLOTS, urgency)
