"""Water filling: max-min fair numbers of PRBs."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.settings import PARAMETERS

from .assign import assign_rows
from .cell_layout import CellLayout
from .slice_groups import TieBreaker, prb_numbers, same_group


@dataclass(config=PARAMETERS)
class WaterFilling:
    """Max-min fair PRBs by need: user i gets min(need_i, w) with the level w at which the PRBs are used up.

    Users with small needs get all they need, and the others an equal share of what is left. The level is exact: user
    i is satisfied where ``sum_j min(need_j, need_i)`` over the users of his cell and slice does not exceed their PRBs.
    PRBs are whole, so some get one more; who does goes round from slot to slot. The PRBs of a user lie side by side,
    in the order of the users. PRBs borrowed from other slices go to the user with the best rate, among equals by
    lot (:class:`~allocators.scheduling.slice_groups.TieBreaker`).

    Source: Bertsekas and Gallager, Data Networks, 1992, section 6.5.2 (max-min fairness).
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often borrowed PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Nothing to forget."""
        self._saturated, self._lots = context.saturated, TieBreaker(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Each user a block of PRBs as wide as the water level allows."""
        roster = CellLayout.of(observation)
        rate = observation.rate_bits
        number, prbs = prb_numbers(observation, roster, rate.dtype)
        need = roster.need(observation).to(rate.dtype).minimum(prbs)
        group = same_group(observation, roster, need > 0)
        share = max_min_prbs(need, prbs, group, observation.slot)
        first = _sum(share, group & _before(share))
        mine = (number >= first[..., None]) & (number < (first + share)[..., None])
        if observation.owned is not None:
            mine = mine & roster.rows(observation.owned)
        metric = torch.where(mine, float("inf"), roster.rows(rate))
        if observation.borrowable is None:
            return assign_rows(metric, roster, observation, self.passes, self._saturated)
        by_lot = self._lots.ordered(observation)
        place = torch.searchsorted(roster.user, by_lot.roster)  # in the ascending roster, which the blocks follow
        metric = metric.gather(2, place[..., None].expand(metric.shape))
        return assign_rows(metric, CellLayout.of(by_lot), by_lot, self.passes, self._saturated)


def max_min_prbs(need: Tensor, prbs: Tensor, group: Tensor, slot: int) -> Tensor:
    """Max-min fair whole numbers of PRBs, ``[B, C, M]``.

    Args:
        need: PRBs that each place wants, ``[B, C, M]``, no more than ``prbs``.
        prbs: PRBs that each place's group has, ``[B, C, M]``.
        group: who shares with whom, ``[B, C, M, M]``.
        slot: number of the slot, which turns the circle of those who get one more.
    """
    satisfied = (group * need[..., None, :].minimum(need[..., :, None])).sum(-1) <= prbs
    rest = prbs - _sum(need, group & satisfied[..., None, :])
    thirsty = group & ~satisfied[..., None, :]
    count = thirsty.sum(-1, dtype=need.dtype).clamp_(min=1)
    level = (rest / count).floor_()
    more = rest - level * count
    rank = (thirsty & _before(need)).sum(-1, dtype=need.dtype)
    start = torch.remainder(more.long() * slot, count.long())  # whole numbers: floats would not hold every slot
    turn = torch.remainder(rank - start, count)
    return torch.where(satisfied, need, level + (turn < more).to(need.dtype))


def _sum(values: Tensor, group: Tensor) -> Tensor:
    """Sum of small whole numbers over each place's group, exact in any order."""
    return (group * values[..., None, :]).sum(-1)


def _before(like: Tensor) -> Tensor:
    """Places that come before each place, bool ``[M, M]``."""
    places = torch.arange(like.shape[-1], device=like.device)
    return places < places[:, None]
