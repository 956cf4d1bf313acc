"""Multi-user proportional fair: PRBs are shared by users whom a precoder can part."""

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
    """Multi-user proportional fair: the holder as ``proportional_fair`` has him, then partners while they pay.

    Each next partner of a PRB is that user of the holder's cell and slice who brings the sum of rate over average
    furthest, all rates being those expected with him there: n users have 1 / n of the power each, and zero-forcing
    costs a user the factor ``prod_j (1 - similarity_ij)`` of his SINR, exact for two users. Nobody joins who is more
    alike to anybody there than ``max_similarity``, and where nobody brings the sum any further, the PRB is closed.
    Where PRBs have one user (``antennas.users_per_prb`` is 1), it is ``proportional_fair``.

    Source: Yoo and Goldsmith, On the optimality of multiantenna broadcast scheduling using zero-forcing beamforming,
    IEEE JSAC 24(3), 2006 (semi-orthogonal users); Dimic and Sidiropoulos, On downlink beamforming with greedy user
    selection, IEEE Trans. Signal Processing 53(10), 2005 (greedy by sum rate).
    """

    time_constant_s: float = Field(default=0.1, gt=0, le=3600)
    """Time constant of the average."""
    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""
    max_similarity: float = Field(default=0.4, ge=0, lt=1)
    """Greatest squared correlation of the directions of two users who share a PRB."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Forget the averages."""
        self._average = ServedAverage(context, self.time_constant_s)
        self._context = context

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each PRB to the greatest rate over average, and to those who go with him."""
        weight = self._average.weight(observation).to(observation.rate_bits.dtype)
        holders = assign(observation.rate_bits, observation, self.passes, self._context.saturated, weight)
        if self._context.users_per_prb == 1:
            return holders
        pairs = GroupRates.of(observation, weight, self._context)
        company = pairs.alone(holders.user)
        partners = []
        for _ in range(self._context.users_per_prb - 1):
            company = self._joined(pairs, company)
            partners.append(company.newest)
        return SchedulingDecision(holders.user, torch.stack(partners, -1))

    def _joined(self, pairs: GroupRates, company: Group) -> Group:
        """One more user where that pays."""
        total = pairs.expected(company)
        allowed = company.open & (company.likeness <= self.max_similarity) & (company.need > 0)[..., None]
        best, place = torch.where(allowed, total, NEVER).max(2)
        won = best > company.total
        kept: Tensor = won if self._context.saturated else won & pairs.within_need(company, place, won)
        return pairs.with_one_more(company, place, kept, best)
