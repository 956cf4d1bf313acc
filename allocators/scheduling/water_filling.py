"""Schedules by water filling: max-min fair numbers of PRBs.

B drops, C cells, M places of a cell, K PRBs.
"""

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
    """Gives each UE min(need, w) PRBs, w the level at which the PRBs of its slice and cell are used up (max-min fair).

    UEs with small needs get all they need, and the others an equal share of what is left. The level is exact: UE
    i is satisfied where ``sum_j min(need_j, need_i)`` over the UEs of its cell and slice does not exceed their PRBs.
    PRBs are whole, so some UEs get one more, others from slot to slot. The PRBs of a UE lie side by side, in the order
    of the UEs. PRBs borrowed from other slices go to the UE with the greatest rate, ties in random order
    (:class:`~allocators.scheduling.slice_groups.TieBreaker`).

    Source: Bertsekas and Gallager, Data Networks, 1992, section 6.5.2 (max-min fairness).
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often borrowed PRBs are offered again that the UE with the greatest rate does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Sets up the order of UEs with equal rates."""
        self._saturated, self._ties = context.saturated, TieBreaker(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each UE a block of PRBs as wide as the level allows."""
        layout = CellLayout.of(observation)
        rate = observation.rate_bits
        number, prbs = prb_numbers(observation, layout, rate.dtype)
        need = layout.need(observation).to(rate.dtype).minimum(prbs)
        group = same_group(observation, layout, need > 0)
        share = max_min_prbs(need, prbs, group, observation.slot)
        first = _sum(share, group & _before(share))
        mine = (number >= first[..., None]) & (number < (first + share)[..., None])
        if observation.owned is not None:
            mine = mine & layout.by_place(observation.owned)
        metric = torch.where(mine, float("inf"), layout.by_place(rate))
        if observation.borrowable is None:
            return assign_rows(metric, layout, observation, self.passes, self._saturated)
        shuffled = self._ties.reorder(observation)
        place = torch.searchsorted(layout.user, shuffled.roster)  # in the ascending layout, which the blocks follow
        metric = metric.gather(2, place[..., None].expand(metric.shape))
        return assign_rows(metric, CellLayout.of(shuffled), shuffled, self.passes, self._saturated)


def max_min_prbs(need: Tensor, prbs: Tensor, group: Tensor, slot: int) -> Tensor:
    """Computes max-min fair whole numbers of PRBs, ``[B, C, M]``.

    Args:
        need: PRBs that each place wants, ``[B, C, M]``, no more than ``prbs``.
        prbs: PRBs that each place's group has, ``[B, C, M]``.
        group: places that share PRBs, ``[B, C, M, M]``, see :func:`~allocators.scheduling.slice_groups.same_group`.
        slot: number of the slot, by which those that get one PRB more change.
    """
    satisfied = (group * need[..., None, :].minimum(need[..., :, None])).sum(-1) <= prbs
    rest = prbs - _sum(need, group & satisfied[..., None, :])
    unsatisfied = group & ~satisfied[..., None, :]
    count = unsatisfied.sum(-1, dtype=need.dtype).clamp_(min=1)
    level = (rest / count).floor_()
    more = rest - level * count
    rank = (unsatisfied & _before(need)).sum(-1, dtype=need.dtype)
    start = torch.remainder(more.long() * slot, count.long())  # whole numbers: floats would not hold every slot
    turn = torch.remainder(rank - start, count)
    return torch.where(satisfied, need, level + (turn < more).to(need.dtype))


def _sum(values: Tensor, group: Tensor) -> Tensor:
    """Sums small whole numbers over each place's group, exact in any order."""
    return (group * values[..., None, :]).sum(-1)


def _before(like: Tensor) -> Tensor:
    """Returns the places that come before each place, bool ``[M, M]``."""
    places = torch.arange(like.shape[-1], device=like.device)
    return places < places[:, None]
