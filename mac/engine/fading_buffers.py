"""Fading of the slots of a block, in memory that blocks before have left."""

from __future__ import annotations

import weakref
from dataclasses import replace

from torch import Tensor

from phy.channel.channel import Channel
from phy.channel.fading import Fading, SmallScale
from phy.link.folded_response import fold

from .state import Block, Parts

BLOCKS = 2
"""Blocks in memory at a time: the one in use, and the next one while it is made."""

_SLOTS = 25
_NUMBERS = 25_000_000  # of a drop's links in these slots, at most: in float32 100 MB


class Rooms:
    """Evaluates fading, and uses the memory of blocks again that nobody holds any more: new memory takes longer.

    Args:
        channel: of the engine; memory is used again where rays of single antennas are drawn once for the whole run.
    """

    def __init__(self, channel: Channel) -> None:
        self._fading: SmallScale = channel.fading
        own = type(channel.fading) is Fading and channel.mimo is None
        self._free: list[Tensor] | None = [] if own else None

    def coordinates(self, first_slot: int, slots: int, slot_s: float) -> Tensor:
        """As :meth:`phy.channel.fading.SmallScale.coordinates`."""
        if self._free is None or not isinstance(self._fading, Fading):
            return self._fading.coordinates(first_slot, slots, slot_s)
        return self._fading.evaluate(first_slot, slots, slot_s, self._free.pop() if self._free else None)

    def lend(self, block: Block) -> Block:
        """The block, whose coordinates are free to be overwritten as soon as nobody holds it."""
        if self._free is not None:
            weakref.finalize(block, self._free.append, block.coordinates).atexit = False
        return block


def slots_at_once(fading: SmallScale, block_slots: int) -> int:
    """Slots of a block whose fading is computed at once, which reads all rays once; a divisor of the block."""
    return slots_of(fading.rays.shape[1] * fading.rays.shape[-1] if isinstance(fading, Fading) else 0, block_slots)


def slots_of(numbers: int, block_slots: int) -> int:
    """The same where ``numbers`` carry a drop's links in a slot; 0 where they set no bound."""
    most = min(_SLOTS, max(1, _NUMBERS // max(1, numbers)))
    return max(n for n in range(1, most + 1) if block_slots % n == 0)


def on_prbs(parts: Parts) -> Parts:
    """The parts with fading on PRBs, where that is quicker to read, or else in a basis that is folded, if it can be."""
    fading = parts.channel.fading
    if not isinstance(fading, Fading) or fading.to_prbs.shape[1] == parts.carrier.prbs:  # folded before
        return parts
    fading = fading.on_prbs() if type(fading) is Fading else fading
    fading = replace(fading, to_prbs=fold(fading.to_prbs))
    return replace(parts, channel=replace(parts.channel, fading=fading))
