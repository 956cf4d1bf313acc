"""Whose turn it is: among equals, and among those who share the PRBs of one (cell, slice)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mac.scheduling_types import SchedulingContext, SchedulingObservation

from .roster import Roster


class Line:
    """The users of each drop in a line: among equals, who stands in front gets the PRB.

    After each slot those who got PRBs go to the end of the line, who got more behind who got fewer; otherwise the order
    stays. At the start it is that of the indices. So equals are served in turn, whoever they are, and a drop's line is
    the same in any batch.
    """

    def __init__(self, context: SchedulingContext) -> None:
        users = torch.arange(context.users, device=context.device)
        self._first = users.repeat(len(context.drops), 1)  # [B, U] int64
        self._place = self._first

    def ordered(self, observation: SchedulingObservation) -> SchedulingObservation:
        """The observation with the users of each cell in the order of the line: ties go to the first of a roster."""
        roster = observation.roster
        place = torch.nn.functional.pad(self._place, (0, 1), value=self._place.shape[1])  # padding stays at the end
        order = place.gather(1, roster.flatten(1)).view(roster.shape).argsort(-1)
        return replace(observation, roster=roster.gather(2, order))

    def served(self, user: Tensor) -> None:
        """Move those to the end who hold PRBs, ``user`` ``[B, C, K]``, -1 for nobody."""
        batch, users = self._place.shape
        holder = torch.where(user < 0, users, user).flatten(1)
        count = torch.zeros((batch, users + 1), dtype=torch.int64, device=user.device)
        count.scatter_add_(1, holder, count.new_ones(()).expand(holder.shape))
        order = (count[:, :users] * users + self._place).argsort(-1)
        self._place = self._place.scatter(1, order, self._first)


def mates(observation: SchedulingObservation, roster: Roster, wants: Tensor) -> Tensor:
    """Who shares PRBs with whom, bool ``[B, C, M, M]``: the second has data and is of the first one's slice and cell.

    Args:
        observation: the slot.
        roster: its roster.
        wants: bool ``[B, C, M]``, places with something to send.
    """
    slice_id = roster.rows(observation.slice_id)
    return (slice_id[..., :, None] == slice_id[..., None, :]) & wants[..., None, :]


def prb_numbers(observation: SchedulingObservation, roster: Roster, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Number of each PRB among those of the place's slice, ``[B, C, M, K]`` or ``[K]``, and how many it has.

    The second is ``[B, C, M]``. Numbers of PRBs of other slices mean nothing.
    """
    if observation.owned is None:
        prbs = observation.rate_bits.shape[-1]
        number = torch.arange(prbs, device=roster.user.device).to(dtype)
        return number, number.new_full((), prbs).expand(roster.user.shape)
    count = roster.rows(observation.owned).cumsum(-1, dtype=dtype)
    return count - 1, count[..., -1]
