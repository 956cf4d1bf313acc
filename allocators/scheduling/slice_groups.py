"""Orders UEs that count alike, and finds those that share the PRBs of one slice in one cell.

B drops, C cells, M places of a cell, U UEs, K PRBs.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingObservation
from phy.random import uniform

from .cell_layout import CellLayout


class TieBreaker:
    """Breaks ties among UEs of equal metric by a random order, drawn anew in every slot.

    In the long run UEs of equal metric get equally much, whichever and however many they are. The order of a drop
    depends on its seed, its number and the slot alone, so it is the same in any batch and for all allocators.
    """

    def __init__(self, context: SchedulingContext) -> None:
        self._keys = context.drops.keys("ties").to(context.device)

    def reorder(self, observation: SchedulingObservation) -> SchedulingObservation:
        """Returns the observation with the UEs of each cell in random order: ties go to the first of a roster."""
        users, roster = observation.serving.shape[1], observation.roster
        number = uniform(self._keys, (users,), start=observation.slot * users)
        number = torch.nn.functional.pad(number, (0, 1), value=2.0)  # padding stays at the end
        order = number.gather(1, roster.flatten(1)).view(roster.shape).argsort(dim=-1, stable=True)
        return replace(observation, roster=roster.gather(2, order))


def same_group(observation: SchedulingObservation, layout: CellLayout, wants: Tensor) -> Tensor:
    """Finds the UEs that share PRBs: those with data in the slice and cell of each place, bool ``[B, C, M, M]``.

    Args:
        observation: of the slot.
        layout: of the slot.
        wants: bool ``[B, C, M]``, places with something to send; they alone are true in the last axis.
    """
    slice_id = layout.by_place(observation.slice_id)
    return (slice_id[..., :, None] == slice_id[..., None, :]) & wants[..., None, :]


def prb_numbers(observation: SchedulingObservation, layout: CellLayout, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Numbers the PRBs of each slice from the lowest frequency on.

    Args:
        observation: of the slot.
        layout: of the slot.
        dtype: of both results.

    Returns:
        The number of each PRB among those of the place's slice, ``[B, C, M, K]``, arbitrary at PRBs of other slices, or
        ``[K]`` where the carrier is not sliced; and how many PRBs the slice has, ``[B, C, M]``.
    """
    if observation.owned is None:
        prbs = observation.rate_bits.shape[-1]
        number = torch.arange(prbs, device=layout.user.device).to(dtype)
        return number, number.new_full((), prbs).expand(layout.user.shape)
    count = layout.by_place(observation.owned).cumsum(-1, dtype=dtype)
    return count - 1, count[..., -1]
