"""Evaluates the fading of a block of slots, in memory that earlier blocks have left."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor

from phy.channel.fading import SmallScale

BLOCKS = 2
"""Blocks in memory at a time: the one in use, and the next one while it is made."""

GROUP = 10
"""Slots of a window that follow each other in memory for a UE: written at once, and near until they are read."""

_SLOTS = 25
_WINDOW_SLOTS = 200
_NUMBERS = 25_000_000  # of a drop in these slots, at most: in float32 100 MB


class FadingBuffers:
    """Evaluates fading in memory that earlier blocks have left, as new memory takes longer than the sum itself.

    A block's memory is used again when the last tensor that reads it has gone: not before a state, a view of its
    coordinates or an array that shares them is dropped. On a GPU torch itself uses memory again.

    Args:
        fading: memory is used again where it writes into memory.
    """

    def __init__(self, fading: SmallScale) -> None:
        self._fading = fading
        self._free: list[np.ndarray] = []

    def coordinates(self, first_slot: int, slots: int, slot_s: float) -> Tensor:
        """Computes the coordinates of every link as :meth:`phy.channel.fading.SmallScale.coordinates` does."""
        memory = self._buffer(slots) if self._fading.writes_into else None
        return self._fading.coordinates(first_slot, slots, slot_s, memory)

    def _buffer(self, slots: int) -> Tensor:
        """Returns memory for coordinates ``[B, U, T, C * 2D]``, laid out slot by slot."""
        shape, dtype = (slots, *self._fading.slot_shape), self._fading.to_prbs.dtype
        memory = self._free.pop() if self._free else torch.empty(shape, dtype=dtype).numpy()  # aligned by torch
        # The tensor's storage holds this one array until the last tensor that shares the storage has gone.
        held = memory.view()
        weakref.finalize(held, self._free.append, memory).atexit = False
        return torch.from_numpy(held).permute(1, 2, 0, 3)


def slots_at_once(numbers: int, block_slots: int) -> int:
    """Computes the slots whose fading is computed at once, which reads all rays once; a divisor of the block.

    Args:
        numbers: coordinates of a drop's links in a slot; 0 sets no bound.
        block_slots: slots of a block.
    """
    most = min(_SLOTS, max(1, _NUMBERS // max(1, numbers)))
    return max(n for n in range(1, most + 1) if block_slots % n == 0)


def window_slots(numbers: int) -> int:
    """Computes the slots whose SINR at full load is computed at once, whole groups.

    Args:
        numbers: SINRs of a drop in a slot.
    """
    return max(1, min(_WINDOW_SLOTS, _NUMBERS // max(1, numbers)) // GROUP) * GROUP
