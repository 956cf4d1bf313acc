"""Defines what a family adds to a cellular carrier: its clock, and the slice of each UE."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..schema import Clock

LONGEST_BLOCK = 50
"""Slots that the engine prepares at once."""


@dataclass(frozen=True)
class Shape:
    """Describes what a family adds to the carrier: its clock, and the slice of each group."""

    clock: Clock
    slots: int  # of an interval
    slice_of_group: tuple[int, ...]
    slices: int = 1

    @property
    def total_slots(self) -> int:
        """Counts the slots of a drop, the warm-up included."""
        return (self.clock.warmup + self.clock.intervals) * self.slots

    @property
    def window_slots(self) -> int:
        """Counts the slots of a window."""
        return self.clock.window * self.slots

    @property
    def block_slots(self) -> int:
        """Finds the longest block, of those that the engine prepares at once, that ends wherever a window may."""
        unit = self.slots if self.slots > 1 else math.gcd(self.clock.window, self.clock.warmup)
        return max(n for n in range(1, LONGEST_BLOCK + 1) if unit % n == 0)
