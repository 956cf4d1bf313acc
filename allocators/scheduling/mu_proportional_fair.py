"""Schedules by multi-user proportional fairness: UEs share a PRB where a precoder can separate them."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import NEVER, assign
from .mu_grouping import Group, GroupRates
from .served_average import ServedAverage


@dataclass(config=PARAMETERS)
class MultiUserProportionalFair:
    """Gives each PRB to the UE of ``proportional_fair``, and to partners while they raise the sum of rate over average.

    Each next partner of a PRB is the UE of the holder's cell and slice with which the expected sum of rate over average
    is greatest: n UEs have 1 / n of the power each, and zero-forcing leaves a UE the part
    ``prod_j (1 - similarity_ij)`` of its SINR, exact for two UEs. A UE whose similarity with a member exceeds
    ``max_similarity`` does not join, and where no UE raises the sum, the PRB is closed. Where PRBs have one UE
    (``mimo.users_per_prb`` is 1), the decision is that of ``proportional_fair``.

    Source: Yoo and Goldsmith, "On the optimality of multiantenna broadcast scheduling using zero-forcing beamforming",
    IEEE JSAC 24(3), 2006 (semi-orthogonal users); Dimic and Sidiropoulos, "On downlink beamforming with greedy user
    selection: Performance analysis and a simple new algorithm", IEEE Trans. Signal Processing 53(10), 2005 (greedy by
    sum rate).
    """

    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""
    max_similarity: float = Field(default=0.4, ge=0, lt=1)
    """Greatest squared correlation of the directions of two UEs that share a PRB."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Starts the average rates anew."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._context = context

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE with the greatest rate over average, and to its partners."""
        weight = self._average.weight(observation).to(observation.rate_bits.dtype)
        holders = assign(observation.rate_bits, observation, self.passes, self._context.saturated, weight)
        if self._context.users_per_prb == 1:
            return holders
        rates = GroupRates.of(observation, weight, self._context)
        group = rates.alone(holders.user)
        partners = []
        for _ in range(self._context.users_per_prb - 1):
            group = self._add_partner(rates, group)
            partners.append(group.newest)
        return SchedulingDecision(holders.user, torch.stack(partners, -1))

    def _add_partner(self, rates: GroupRates, group: Group) -> Group:
        """Adds one more UE to each PRB where that raises the expected sum."""
        total = rates.expected(group)
        allowed = group.open & (group.similarity <= self.max_similarity) & (group.need > 0)[..., None]
        best, place = torch.where(allowed, total, NEVER).max(2)
        won = best > group.total
        kept: Tensor = won if self._context.saturated else won & rates.within_need(group, place, won)
        return rates.with_one_more(group, place, kept, best)
