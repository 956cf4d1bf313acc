"""How old the bytes of a queue are, and how long packets took, from two curves: bytes admitted and bytes resolved.

Queues are first in, first out, so a packet is through when the resolved curve reaches its last byte; if it arrived in
slot s and that happens in slot t, it took ``t + 1 - s`` slots. Packets of one slot and user follow each other in the
order given and are through one by one; where a full queue cuts them off, those that found room count. Bytes that HARQ
gave up count as resolved (the loss is counted elsewhere), and a block that succeeds while an earlier one waits for
repetition passes for the earlier: both are ours.

The curves are kept slot by slot over the last ``_FINE`` slots and block by block over about ``_HORIZON`` before
them, where the packets of a block are through together. What waits even longer is reported as that old, and is not
among the packets counted.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .packets import Arrivals

_NEVER = float("inf")
_FINE = 512  # slots kept one by one
_HORIZON = 20_000  # slots before them, kept by blocks
_MOST_BLOCKS = 1000
BIN_EDGES_S = (
    *(round(base * 10.0**power, 9) for power in (-4, -3, -2, -1, 0) for base in (2.5, 4.0, 6.3, 10.0, 16.0)),
    _NEVER,
)
"""Upper edges of the delay bins in seconds, five a decade from 0.25 ms to 16 s and one for all beyond."""


@dataclass(frozen=True)
class DelayReport:
    """Packets completed in a block of slots."""

    packets: Tensor  # [B, U]
    delay_s: Tensor  # [B, U] sum over the packets
    late: Tensor  # [B, U] packets later than the user's budget
    bins: Tensor  # [B, U, E] packets by delay, edges BIN_EDGES_S


class DelayLedger:
    """The curves of a batch of queues. Its tensors are written in place: one copy a block instead of one a slot.

    Columns are ``past`` blocks, then ``_FINE`` or more slots, then the slots of the block that is being filled. Times
    are in slots from the first of the fine columns on; a block of the past lies before.

    The packets of the fine columns stand in one list, block after block, of each block by drop, user and slot. A packet
    is known by where it ends when the bytes of the list are counted through.

    Args:
        arrivals: from which :meth:`open` reads the packets of each block.
        shape: drops and users.
        block: slots of a block.
        device: of all tensors.
    """

    def __init__(self, arrivals: Arrivals, shape: tuple[int, int], block: int, device: torch.device) -> None:
        self.arrivals, self.block, self.device = arrivals, block, device
        self.fine = -(-_FINE // block) * block
        self.past = min(_MOST_BLOCKS, -(-_HORIZON // block))
        size = self.past + self.fine + block
        self.admitted = torch.full((*shape, size), _NEVER, dtype=torch.float64, device=device)
        self.admitted[..., : self.past + self.fine] = 0.0
        # Running sums over the columns: of packets, and of packets times their slot since the start.
        self.packets = torch.zeros((*shape, size + 1), dtype=torch.float64, device=device)
        self.moment = torch.zeros((*shape, size + 1), dtype=torch.float64, device=device)
        self.resolved = torch.zeros((*shape, block + 1), dtype=torch.float64, device=device)
        self.first_slot = 0  # of the block that is being filled
        # The list, as long as it will ever be, and of each fine column what stands in it before the column's own.
        self._list = np.full(arrivals.most(block, self.fine // block + 1), _NEVER)
        self.ends = torch.from_numpy(self._list).to(device)
        self.bytes_before = torch.zeros((*shape, self.fine + block), dtype=torch.float64, device=device)
        self.packets_before = torch.zeros_like(self.bytes_before)
        self._arrived = torch.zeros((*shape, block), dtype=torch.float64, device=device)
        self._lengths = deque([0] * (self.fine // block + 1))  # of the blocks in the list
        self._left, self._bytes = 0, 0  # packets that have left the list, bytes that were ever in it

    def open(self, arrived: Tensor) -> None:
        """Take in what arrives in the block that begins, ``[T, 2, B, U]`` float64: bytes and packets of each slot."""
        ends = self.arrivals.ends(self.first_slot, self.block, self.admitted.shape[1]) + self._bytes
        gone, kept = self._lengths.popleft(), sum(self._lengths)
        bytes_, self._arrived = arrived.permute(1, 2, 3, 0)
        self._left += gone
        self.bytes_before[..., self.fine :] = _before(bytes_) + self._bytes
        self.packets_before[..., self.fine :] = _before(self._arrived) + (self._left + kept)
        never = np.full(len(self._list) - kept - len(ends), _NEVER)
        self._list = np.concatenate((self._list[gone : gone + kept], ends, never))
        self.ends = torch.from_numpy(self._list).to(self.device)
        self._lengths.append(len(ends))
        self._bytes = int(ends[-1]) if len(ends) else self._bytes

    def admit(self, step: int, total_bytes: Tensor) -> None:
        """Note the bytes admitted up to and in slot ``step`` of the block."""
        self.admitted[..., self.past + self.fine + step] = total_bytes

    def resolve(self, step: int, total_bytes: Tensor) -> None:
        """Note the bytes delivered or given up until the end of slot ``step`` of the block."""
        self.resolved[..., step + 1] = total_bytes

    def age(self, step: int, sent_bytes: Tensor) -> Tensor:
        """Age in slots of the oldest byte not yet sent, ``[B, U]``; meaningless where nothing waits."""
        column = torch.searchsorted(self.admitted, sent_bytes[..., None], right=True)[..., 0] - self.past
        time = torch.where(column < 0, column * self.block, column)
        return (self.fine + step - time).clamp_(min=0)

    def close(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        """Report the block that is full, and make room for the next: the oldest fine slots become one block."""
        self._count()
        report = self._report(slot_s, budget_slots)
        kept = slice(self.past + self.block, None)
        joined = slice(self.past + self.block - 1, self.past + self.block)  # holds the curve at the block's end
        fresh = torch.full_like(self.admitted[..., : self.block], _NEVER)
        self.admitted = torch.cat(
            (self.admitted[..., 1 : self.past], self.admitted[..., joined], self.admitted[..., kept], fresh), -1
        )
        self.packets, self.moment = self._shifted(self.packets), self._shifted(self.moment)
        self.resolved = torch.cat((self.resolved[..., -1:], torch.zeros_like(self.resolved[..., :-1])), -1)
        self.first_slot += self.block
        self.bytes_before = self.bytes_before.roll(-self.block, -1)
        self.packets_before = self.packets_before.roll(-self.block, -1)
        return report

    def _shifted(self, sums: Tensor) -> Tensor:
        """Running sums after the oldest fine slots became one block and the oldest block left."""
        past, fine = sums[..., 1 : self.past + 1], sums[..., self.past + self.block :]
        return torch.cat((past, fine, fine[..., -1:].expand(*fine.shape[:-1], self.block)), -1)

    def _count(self) -> None:
        """Count the packets of the block that found room, slot by slot."""
        new = self.past + self.fine
        bytes_ = self.admitted[..., new - 1 :].diff()
        # A packet without bytes ends where the one before it does, and that may be another user's.
        packets = self._within(self.bytes_before[..., self.fine :], self.packets_before[..., self.fine :], bytes_)
        packets = packets.minimum(self._arrived)
        slot = self.first_slot + torch.arange(self.block, device=self.device)
        self.packets[..., new + 1 :] = self.packets[..., new, None] + packets.cumsum(-1)
        self.moment[..., new + 1 :] = self.moment[..., new, None] + (packets * slot).cumsum(-1)

    def _within(self, bytes_before: Tensor, packets_before: Tensor, bytes_: Tensor) -> Tensor:
        """Packets that end within the first ``bytes_`` of a column, of the column's shape."""
        return torch.searchsorted(self.ends, bytes_before + bytes_, right=True) + (self._left - packets_before)

    def _begun(self, column: Tensor) -> Tensor:
        """Packets that are through of the first column that is not complete, ``[B, U, block + 1]``."""
        fine = (column - self.past).clamp(0, self.fine + self.block - 1)
        bytes_ = self.resolved - self.admitted.gather(-1, (column - 1).clamp(0))
        packets = self._within(self.bytes_before.gather(-1, fine), self.packets_before.gather(-1, fine), bytes_)
        return torch.where(column == fine + self.past, packets, 0.0)

    def _report(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        column = torch.searchsorted(self.admitted, self.resolved, right=True)  # [B, U, block + 1] the first incomplete
        begun = self._begun(column)
        through = self.packets.gather(-1, column) + begun
        came = self.moment.gather(-1, column) + begun * (self.first_slot - self.fine - self.past + column)
        end = 1 + torch.arange(self.block, device=self.device)  # of each slot of the block
        done = through.diff()
        delay = (done * (self.first_slot + end) - came.diff()).sum(-1)
        edges = [math.floor(edge / slot_s + 1e-9) for edge in BIN_EDGES_S[:-1]]
        later = torch.stack([_later(through, self._came_before(edge)) for edge in edges], -1)
        total = done.sum(-1)
        at_least = torch.cat((total[..., None], later, torch.zeros_like(total[..., None])), -1)
        late = _later(through, self.packets.gather(-1, self._column(end - budget_slots[..., None])))
        return DelayReport(total, delay * slot_s, late, -at_least.diff())

    def _came_before(self, slots: int) -> Tensor:
        """Packets that had come so many slots before the end of each slot of the block, ``[B, U, block]``."""
        first = self.fine + 1 - slots
        if first >= 0:
            return self.packets.narrow(-1, self.past + first, self.block)
        end = 1 + torch.arange(self.block, device=self.device)
        return self.packets.index_select(-1, self._column(end - slots))

    def _column(self, step: Tensor) -> Tensor:
        """Column of a slot that is counted from the first of the block, which may lie before it."""
        time = self.fine + step
        column = torch.where(time < 0, time.div(self.block, rounding_mode="floor"), time)
        return (self.past + column).clamp(min=0)


def _later(through: Tensor, came: Tensor) -> Tensor:
    """Packets that were completed in the block and had come before a time that moves with its slots, ``[B, U]``.

    Args:
        through: packets completed until the start of the block and until the end of each slot, ``[B, U, block + 1]``.
        came: packets that had come before that time, ``[B, U, block]``.
    """
    return (through[..., 1:].minimum(came) - through[..., :-1].minimum(came)).sum(-1)


def _before(values: Tensor) -> Tensor:
    """Sum of all values that come before each one, in the order of the dimensions; exact for whole numbers."""
    return values.flatten().cumsum(0).view(values.shape) - values
