"""Holds the SINR of slots to come at full load, where buffers are always full and UEs keep their cells."""

from __future__ import annotations

import numpy as np
import torch

from phy.channel.full_load import FullLoad

from ..radio.fading_buffers import GROUP, window_slots
from ..state import EngineParts


class FullLoadWindow:
    """Computes the SINR at full load window by window, in memory of its own that the next window overwrites.

    Args:
        parts: of the engine.
        full_load: of its channel.
    """

    def __init__(self, parts: EngineParts, full_load: FullLoad) -> None:
        self._full_load, self._first_slot, self.slots = full_load, -1, full_load.slots
        batch, users = parts.shape
        groups = full_load.slots // GROUP
        kind = torch.empty(0, dtype=parts.dtype).numpy().dtype
        self._all = np.empty((groups, batch, users, GROUP, parts.prbs), kind)  # NumPy asks the system for large pages
        self._sinr = torch.from_numpy(self._all)
        self._groups = list(self._all)
        self.prbs = full_load.links.busy * np.float64(parts.prbs)
        """PRBs that each cell uses at full load, ``[B, C]``."""

    @classmethod
    def of(cls, parts: EngineParts) -> FullLoadWindow | None:
        """Returns the window of an engine; None where load or links may change from slot to slot."""
        if not parts.keeps_full_buffers:
            return None
        channel = parts.channel
        slots = window_slots(parts.shape[1] * parts.prbs)
        full_load = FullLoad.of(channel.fading, channel.serving, parts.cells, slots, parts.carrier.slot_s)
        return None if full_load is None else cls(parts, full_load)

    def clear(self) -> None:
        """Removes what is held, so that a run that begins takes as long as any other."""
        self._first_slot = -1

    def sinr(self, slot: int) -> tuple[np.ndarray, int]:
        """Returns the SINR of each UE on each PRB in some slots, ``[B, U, GROUP, K]``, and which of these is the slot.

        It is to be read before the next call.
        """
        _, place = self.window(slot)
        return self._groups[place // GROUP], place % GROUP

    def window(self, slot: int) -> tuple[np.ndarray, int]:
        """Returns the SINR in all slots of a window, ``[groups, B, U, GROUP, K]``, and which of these is the slot.

        It is to be read before the next call.
        """
        place = slot % self._full_load.slots
        if slot - place != self._first_slot:
            self._first_slot = slot - place
            self._full_load.sinr(self._first_slot, self._sinr)
        return self._all, place
