"""Whose turn it is: among equals, and among those who share the PRBs of one (cell, slice)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingObservation
from phy.random import uniform

from .cell_layout import CellLayout


class TieBreaker:
    """TieBreaker that decide among equals: a random order of the users, drawn anew in every slot.

    In the long run equals get equally much, whoever they are and however many. A drop's lots depend on its seed and
    number and on the slot alone, so they are the same in any batch and for all allocators.
    """

    def __init__(self, context: SchedulingContext) -> None:
        self._keys = context.drops.keys("ties").to(context.device)

    def ordered(self, observation: SchedulingObservation) -> SchedulingObservation:
        """The observation with the users of each cell in the order of their lots: ties go to the first of a roster."""
        users, roster = observation.serving.shape[1], observation.roster
        lot = uniform(self._keys, (users,), start=observation.slot * users)
        lot = torch.nn.functional.pad(lot, (0, 1), value=2.0)  # padding stays at the end
        order = lot.gather(1, roster.flatten(1)).view(roster.shape).argsort(dim=-1, stable=True)
        return replace(observation, roster=roster.gather(2, order))


def same_group(observation: SchedulingObservation, roster: CellLayout, wants: Tensor) -> Tensor:
    """Who shares PRBs with whom, bool ``[B, C, M, M]``: the second has data and is of the first one's slice and cell.

    Args:
        observation: the slot.
        roster: its roster.
        wants: bool ``[B, C, M]``, places with something to send.
    """
    slice_id = roster.rows(observation.slice_id)
    return (slice_id[..., :, None] == slice_id[..., None, :]) & wants[..., None, :]


def prb_numbers(observation: SchedulingObservation, roster: CellLayout, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Number of each PRB among those of the place's slice, ``[B, C, M, K]`` or ``[K]``, and how many it has.

    The second is ``[B, C, M]``. Numbers of PRBs of other slices mean nothing.
    """
    if observation.owned is None:
        prbs = observation.rate_bits.shape[-1]
        number = torch.arange(prbs, device=roster.user.device).to(dtype)
        return number, number.new_full((), prbs).expand(roster.user.shape)
    count = roster.rows(observation.owned).cumsum(-1, dtype=dtype)
    return count - 1, count[..., -1]
