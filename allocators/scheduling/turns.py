"""What fair shares need to know about the PRBs and the users of one (cell, slice), in the layout of the roster."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.scheduling_types import SchedulingObservation

from .roster import Roster


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
