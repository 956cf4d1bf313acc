"""Evaluates the fading of a block of slots, in memory that earlier blocks have left."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor

from phy.channel.fading import Fading, SmallScale

BLOCKS = 2
"""Blocks in memory at a time: the one in use, and the next one while it is made."""

_SLOTS = 25
_NUMBERS = 25_000_000  # of a drop's links in these slots, at most: in float32 100 MB


class FadingBuffers:
    """Evaluates fading in memory that earlier blocks have left, as new memory takes longer than the sum itself.

    A block's memory is used again when the last tensor that reads it has gone: not before a state, a view of its
    coordinates or an array that shares them is dropped. On a GPU torch itself uses memory again.

    Args:
        fading: memory is used again where its rays are drawn once for the whole run.
    """

    def __init__(self, fading: SmallScale) -> None:
        self._fading = fading
        self._reuses = type(fading) is Fading and fading.rays.device.type == "cpu"
        self._free: list[np.ndarray] = []

    def coordinates(self, first_slot: int, slots: int, slot_s: float) -> Tensor:
        """Computes the coordinates of every link as :meth:`phy.channel.fading.SmallScale.coordinates` does."""
        if not self._reuses or not isinstance(self._fading, Fading):
            return self._fading.coordinates(first_slot, slots, slot_s)
        return self._fading.evaluate(first_slot, slots, slot_s, self._buffer(self._fading.rays, slots))

    def _buffer(self, rays: Tensor, slots: int) -> Tensor:
        """Returns memory for coordinates ``[B, U, T, C * 2D]``, laid out slot by slot."""
        batch, users, _, width = rays.shape
        shape = slots, batch, users, width
        memory = self._free.pop() if self._free else torch.empty(shape, dtype=rays.dtype).numpy()  # aligned by torch
        # The tensor's storage holds this one array until the last tensor that shares the storage has gone.
        held = memory.view()
        weakref.finalize(held, self._free.append, memory).atexit = False
        return torch.from_numpy(held).permute(1, 2, 0, 3)


def slots_at_once(fading: SmallScale, block_slots: int) -> int:
    """Computes the slots whose fading is computed at once, which reads all rays once; a divisor of the block."""
    return slots_of(fading.rays.shape[1] * fading.rays.shape[-1] if isinstance(fading, Fading) else 0, block_slots)


def slots_of(numbers: int, block_slots: int) -> int:
    """Computes the slots at once where a drop's links take ``numbers`` numbers a slot; 0 sets no bound."""
    most = min(_SLOTS, max(1, _NUMBERS // max(1, numbers)))
    return max(n for n in range(1, most + 1) if block_slots % n == 0)
