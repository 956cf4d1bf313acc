"""Assigns PRBs to UEs by a metric, the part that all schedulers share.

A PRB goes to that UE of its cell whose metric is greatest among those that may hold it: UEs with data to send, within
the PRBs of their slice. No UE keeps more PRBs than it needs. Only comparisons and counts are made, so a drop gets the
same answer alone and in any batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mac.scheduling import SchedulingDecision, SchedulingObservation
from phy.numerics.jit import uses_numba

from .cell_layout import CellLayout

NEVER = float("-inf")  # metric of a user that may not hold the PRB
_ANY = float("inf")  # a cap that no metric reaches
_IN_LOOPS = (torch.float32, torch.float64)
_COUNT = torch.int16  # of PRBs: a carrier has at most 275, and the narrowest type is the quickest


def assign(
    metric: Tensor,
    observation: SchedulingObservation,
    passes: int = 3,
    saturated: bool = False,
    weight: Tensor | None = None,
) -> SchedulingDecision:
    """Assigns each PRB to the user with the greatest metric that may hold it and still needs it.

    In each pass every idle PRB is offered to the best user of its cell. Of the PRBs that a user wins it keeps the
    first ones, in the order of PRBs, up to what it still needs; the others are offered again in the next pass. After
    ``passes`` passes over the PRBs of the user's own slice come, where ``borrowable`` is given, as many over the PRBs
    of other slices that are still idle. What is then left stays idle. Where
    ``most_prbs`` is given, the users of a slice keep the first ones of what they would keep, up to what their slice may
    still hold.

    Ties go to the user that is first in the roster of its cell: the lowest index, or one drawn at random where
    the observation comes from :meth:`~allocators.scheduling.slice_groups.TieBreaker.ordered`.

    Args:
        metric: ``[B, U, K]``, or ``[B, U, 1]`` where all PRBs are alike; any unit, of either sign, not NaN; minus
            infinity bars the user from the PRB.
        observation: the slot: the users of each cell, the PRBs that each one needs, and the slices of the PRBs.
        passes: how often the PRBs are offered, at least 1.
        saturated: no need is ever met (``SchedulingContext.saturated``), so one pass without counting does it, unless
            there is a limit.
        weight: ``[B, U]`` of the metric's type, above 0: each user's metric is multiplied with it; left out, 1.

    Raises:
        ValueError: a metric or weight of another shape or type.
    """
    _require(metric, weight, observation)
    if metric.device.type == "cpu" and metric.dtype in _IN_LOOPS and uses_numba():
        return SchedulingDecision(_assigned(metric, weight, observation, passes, saturated))
    if weight is not None:
        metric = metric * weight[..., None]
    roster = CellLayout.of(observation)
    return assign_rows(roster.by_place(metric), roster, observation, passes, saturated)


def _require(metric: Tensor, weight: Tensor | None, observation: SchedulingObservation) -> None:
    whole = observation.rate_bits.shape
    if metric.shape not in (whole, (*whole[:2], 1)):
        raise ValueError(f"the metric must have shape {list(whole)} or {[*whole[:2], 1]}, not {list(metric.shape)}")
    if weight is not None and (weight.shape != whole[:2] or weight.dtype != metric.dtype):
        raise ValueError(
            f"the weight must have shape {list(whole[:2])} and dtype {metric.dtype}, "
            f"not {list(weight.shape)} and {weight.dtype}"
        )


def _assigned(
    metric: Tensor, weight: Tensor | None, observation: SchedulingObservation, passes: int, saturated: bool
) -> Tensor:
    """Computes the holder of each PRB in compiled loops, ``[B, C, K]``."""
    from mac.scheduling.feasible_numba import limits, masks

    from .assign_numba import assign_prbs

    places, bids = observation.roster.contiguous().numpy(), metric.detach().contiguous().numpy()
    factor = np.ones(bids.shape[:2], bids.dtype) if weight is None else weight.detach().contiguous().numpy()
    need = observation.need_prbs.contiguous().numpy()
    user = np.empty((*places.shape[:2], observation.rate_bits.shape[2]), np.int64)
    assign_prbs(bids, factor, places, need, *masks(observation), *limits(observation), passes, saturated, user)
    return torch.from_numpy(user)


def assign_rows(
    rows: Tensor, roster: CellLayout, observation: SchedulingObservation, passes: int = 3, saturated: bool = False
) -> SchedulingDecision:
    """Assigns PRBs as :func:`assign` does, by a metric that is laid out by place already, ``[B, C, M, K]`` or
    ``[B, C, M, 1]``.
    """
    need = roster.need(observation)
    prbs = observation.rate_bits.shape[-1]
    masks = [observation.owned] + ([] if observation.borrowable is None else [observation.borrowable])
    if saturated and observation.most_prbs is None:
        user = _all_at_once(rows, roster, need, masks).expand(-1, -1, prbs)
    else:
        need = (need > 0) * prbs if saturated else need.clamp(max=prbs).ceil()
        limit = _Limit.of(observation, roster)
        user = _as_needed(rows.expand(-1, -1, -1, prbs), roster, need.to(_COUNT), masks, passes, limit)
    return SchedulingDecision(user.contiguous())


def _all_at_once(rows: Tensor, roster: CellLayout, need: Tensor, masks: list[Tensor | None]) -> Tensor:
    """Returns the winner of each PRB, of the first mask that leaves any, ``[B, C, K]`` or ``[B, C, 1]``."""
    wanted = _cap(need > 0, rows)
    user: Tensor | None = None
    for mask in masks:
        best, place = _within(rows, roster, mask).minimum(wanted).max(2)
        winner = roster.user.gather(2, place).masked_fill_(best == NEVER, -1)
        user = winner if user is None else torch.where(user < 0, winner, user)
    assert user is not None
    return user


@dataclass(frozen=True)
class _Limit:
    """Holds how many PRBs each slice of a cell may still hold."""

    slice_id: Tensor  # [B, C, M] int64
    room: Tensor  # [B, C, S]

    @classmethod
    def of(cls, observation: SchedulingObservation, roster: CellLayout) -> _Limit | None:
        """Returns the limit at the start of a slot; None where there is none."""
        if observation.most_prbs is None:
            return None
        return cls(roster.by_place(observation.slice_id), observation.most_prbs.to(_COUNT))

    def bar(self, need: Tensor) -> Tensor:
        """Returns the needs ``[B, C, M]``, 0 where the slice has no room."""
        return torch.where(self.room.gather(2, self.slice_id) > 0, need, 0)

    def keep(self, won: Tensor, place: Tensor) -> tuple[Tensor, _Limit]:
        """Returns the PRBs ``[B, C, K]`` won by their UEs for which slices have room, and what is left."""
        kept, room = _first_ones(won, self.slice_id.gather(2, place), self.room)
        return kept, replace(self, room=room)


def _as_needed(
    rows: Tensor, roster: CellLayout, need: Tensor, masks: list[Tensor | None], passes: int, limit: _Limit | None
) -> Tensor:
    """Finds winners that keep no more than they need and may hold, in ``passes`` passes over each of ``masks``.

    Returns:
        int64 ``[B, C, K]``, -1 for none.
    """
    user = torch.full_like(rows[:, :, 0], -1, dtype=torch.int64)
    for mask in masks:
        offered = _within(rows, roster, mask)
        for _ in range(passes):
            need = need if limit is None else limit.bar(need)
            best, place = offered.minimum(_cap(need > 0, rows)).max(2)
            kept, need = _first_ones((best != NEVER) & (user < 0), place, need)
            if limit is not None:
                kept, limit = limit.keep(kept, place)
            user = torch.where(kept, roster.user.gather(2, place), user)
    return user


def _first_ones(won: Tensor, group: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Selects the first PRBs that each group has won, up to what it is allowed, and returns what is left of that.

    Args:
        won: bool ``[B, C, K]``.
        group: group that has won each PRB, ``[B, C, K]``.
        allowed: PRBs of each group, ``[B, C, groups]``.
    """
    of = group[:, :, None]
    count = torch.zeros((*allowed.shape, won.shape[-1]), dtype=_COUNT, device=won.device)
    count = count.scatter_(2, of, won.to(_COUNT)[:, :, None]).cumsum(-1, dtype=_COUNT)
    kept = won & (count.gather(2, of)[:, :, 0] <= allowed.gather(2, group))
    return kept, (allowed - count[..., -1]).clamp_(min=0)


def _within(rows: Tensor, roster: CellLayout, mask: Tensor | None) -> Tensor:
    return rows if mask is None else torch.where(roster.by_place(mask), rows, NEVER)


def _cap(allowed: Tensor, like: Tensor) -> Tensor:
    """Returns infinity where UEs may bid, minus infinity elsewhere: a minimum with it is quicker than a masked fill."""
    return torch.where(allowed, _ANY, NEVER).to(like.dtype)[..., None]
