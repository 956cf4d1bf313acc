"""Computes the age of a queue's bytes and the delays of packets from two curves: bytes admitted and bytes resolved.

Queues are first in, first out, so a packet is through when the resolved curve reaches its last byte; if it arrived in
slot s and that happens in slot t, it took ``t + 1 - s`` slots. Packets of one slot and user follow each other in the
order given and are through one by one; where a full queue cuts them off, those that found room count. Bytes that HARQ
gave up count as resolved (the loss is counted elsewhere), and a block that succeeds while an earlier one waits for
repetition passes for the earlier: both are ours.

Curves are kept slot by slot over the last ``_FINE`` slots and block by block over about ``_HORIZON`` before
them, where the packets of a block are through together. What waits even longer is reported as that old, and is not
among the packets counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .packets import Arrivals, Floats

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
    """Reports the packets completed in a block of slots."""

    packets: Tensor  # [B, U]
    delay_s: Tensor  # [B, U] sum over the packets
    late: Tensor  # [B, U] packets later than the UE's budget
    bins: Tensor  # [B, U, bins] packets by delay, edges BIN_EDGES_S


@dataclass(frozen=True, eq=False)
class QueueCurves:
    """Holds the curves up to the start of a block and the packets that arrive in it; nothing in it is written again.

    Columns of ``admitted`` are ``past`` blocks, then ``fine`` slots; running sums have one column more, which is 0
    packets before the first. Times are in slots from the first of the fine columns on; a block of the past lies before.

    The packets of the fine columns and of the block stand in one list, block after block, of each block by drop, user
    and slot. A packet is known by where it ends when the bytes of the list are counted through.
    """

    arrivals: Arrivals
    block: int  # slots of a block
    fine: int  # columns of one slot
    past: int  # columns of one block
    first_slot: int  # of the block
    admitted: Tensor  # [B, U, past + fine] bytes admitted up to the end of each column
    resolved: Tensor  # [B, U] bytes delivered or given up before the block
    packets: Tensor  # [B, U, past + fine + 1] packets admitted before each column
    moment: Tensor  # [B, U, past + fine + 1] the same, each packet weighted with its slot
    listed: Floats  # [n] end of each packet of the list, in bytes; padded with infinity to one length for all blocks
    ends: Tensor  # [n] the same on the device
    bytes_before: Tensor  # [B, U, fine + block] bytes of the list before each slot
    packets_before: Tensor  # [B, U, fine + block] packets of the list, and of those that left it, before each slot
    arrived: Tensor  # [B, U, block] packets that arrive in each slot of the block
    lengths: tuple[int, ...]  # packets of each block of the list
    left: int  # packets that have left the list
    listed_bytes: int  # bytes that were ever in the list

    @classmethod
    def empty(cls, arrivals: Arrivals, shape: tuple[int, int], block: int, device: torch.device) -> QueueCurves:
        """Returns the curves before slot 0, without the packets of the first block.

        Args:
            arrivals: from which the packets of each block are read.
            shape: drops and UEs.
            block: slots of a block.
            device: of all tensors.
        """
        fine, past = -(-_FINE // block) * block, min(_MOST_BLOCKS, -(-_HORIZON // block))

        def zeros(*columns: int) -> Tensor:
            return torch.zeros((*shape, *columns), dtype=torch.float64, device=device)

        blocks = fine // block + 1
        nothing = np.full(arrivals.most(block, blocks), _NEVER)
        return cls(
            arrivals=arrivals,
            block=block,
            fine=fine,
            past=past,
            first_slot=0,
            admitted=zeros(past + fine),
            resolved=zeros(),
            packets=zeros(past + fine + 1),
            moment=zeros(past + fine + 1),
            listed=nothing,
            ends=torch.from_numpy(nothing).to(device),
            bytes_before=zeros(fine + block),
            packets_before=zeros(fine + block),
            arrived=zeros(block),
            lengths=(0,) * blocks,
            left=0,
            listed_bytes=0,
        )

    def open(self, arrived: Tensor) -> QueueCurves:
        """Adds the packets of the block to the list.

        Args:
            arrived: bytes and packets that arrive in each slot of the block, ``[T, 2, B, U]`` float64.
        """
        own = self.arrivals.ends(self.first_slot, self.block, self.admitted.shape[1]) + self.listed_bytes
        gone, kept = self.lengths[0], sum(self.lengths[1:])
        left = self.left + gone
        bytes_, packets = arrived.permute(1, 2, 3, 0)
        never = np.full(len(self.listed) - kept - len(own), _NEVER)
        listed = np.concatenate((self.listed[gone : gone + kept], own, never))
        return replace(
            self,
            listed=listed,
            ends=torch.from_numpy(listed).to(self.ends.device),
            bytes_before=self._next(self.bytes_before, _before(bytes_) + self.listed_bytes),
            packets_before=self._next(self.packets_before, _before(packets) + (left + kept)),
            arrived=packets,
            lengths=(*self.lengths[1:], len(own)),
            left=left,
            listed_bytes=int(own[-1]) if len(own) else self.listed_bytes,
        )

    def _next(self, before: Tensor, of_block: Tensor) -> Tensor:
        """Returns the columns of the last ``fine`` slots and those of the block that begins."""
        return torch.cat((before[..., self.block :], of_block), -1)


@dataclass(frozen=True, eq=False)
class DelayLedger:
    """Holds the curves of a batch of queues: those up to the start of a block, and the totals of each of its slots."""

    curves: QueueCurves
    admitted: tuple[Tensor, ...] = ()  # [B, U] bytes admitted up to and in each slot of the block that has begun
    resolved: tuple[Tensor, ...] = ()  # [B, U] bytes delivered or given up until the end of each slot that is over

    @classmethod
    def start(cls, arrivals: Arrivals, shape: tuple[int, int], block: int, arrived: Tensor) -> DelayLedger:
        """Returns the ledger at slot 0.

        Args:
            arrivals: from which the packets of each block are read.
            shape: drops and UEs.
            block: slots of a block.
            arrived: bytes and packets that arrive in each slot of the first block, ``[T, 2, B, U]`` float64.
        """
        return cls(QueueCurves.empty(arrivals, shape, block, arrived.device).open(arrived))

    def admit(self, total_bytes: Tensor) -> DelayLedger:
        """Adds the bytes admitted up to and in the slot that begins, ``[B, U]`` since the start."""
        return replace(self, admitted=(*self.admitted, total_bytes))

    def resolve(self, total_bytes: Tensor) -> DelayLedger:
        """Adds the bytes delivered or given up until the end of the slot, ``[B, U]`` since the start."""
        return replace(self, resolved=(*self.resolved, total_bytes))

    def age(self, sent_bytes: Tensor) -> Tensor:
        """Computes the age in slots of the oldest byte not yet sent, ``[B, U]``; meaningless where nothing waits.

        Args:
            sent_bytes: bytes sent for the first time since the start, ``[B, U]``.
        """
        curves = self.curves
        column = torch.searchsorted(curves.admitted, sent_bytes[..., None], right=True)[..., 0] - curves.past
        column = column + (torch.stack(self.admitted) <= sent_bytes).sum(0)
        time = torch.where(column < 0, column * curves.block, column)
        return (curves.fine + len(self.admitted) - 1 - time).clamp_(min=0)

    def close(self, slot_s: float, budget_slots: Tensor, arrived: Tensor) -> tuple[DelayLedger, DelayReport]:
        """Returns the ledger at the start of the next block, and what the full block reports.

        Args:
            slot_s: length of a slot in s.
            budget_slots: delay budget of each UE, ``[B, U]``.
            arrived: bytes and packets that arrive in each slot of the next block, ``[T, 2, B, U]`` float64.
        """
        full = _FullBlock.of(self)
        return DelayLedger(full.shifted().open(arrived)), full.report(slot_s, budget_slots)


@dataclass(frozen=True, eq=False)
class _FullBlock:
    """Holds the curves with the columns of a block that is over."""

    curves: QueueCurves
    admitted: Tensor  # [B, U, past + fine + block]
    resolved: Tensor  # [B, U, block + 1] before the block, and at the end of each of its slots
    packets: Tensor  # [B, U, past + fine + block + 1]
    moment: Tensor  # [B, U, past + fine + block + 1]

    @classmethod
    def of(cls, ledger: DelayLedger) -> _FullBlock:
        """Counts the packets of the block that found room, slot by slot."""
        curves = ledger.curves
        admitted = torch.cat((curves.admitted, torch.stack(ledger.admitted, -1)), -1)
        bytes_ = admitted[..., -curves.block - 1 :].diff()
        # A packet without bytes ends where the one before it does, and that may be another UE's.
        before = curves.bytes_before[..., curves.fine :], curves.packets_before[..., curves.fine :]
        packets = _within(curves, *before, bytes_).minimum(curves.arrived)
        slot = curves.first_slot + torch.arange(curves.block, device=admitted.device)
        return cls(
            curves=curves,
            admitted=admitted,
            resolved=torch.stack((curves.resolved, *ledger.resolved), -1),
            packets=_continued(curves.packets, packets),
            moment=_continued(curves.moment, packets * slot),
        )

    def shifted(self) -> QueueCurves:
        """Returns the curves up to the end of the block: its slots are fine, the oldest fine ones become a block."""
        curves = self.curves
        joined = curves.past + curves.block  # of these columns the last one holds the curve at the new block's end
        return replace(
            curves,
            first_slot=curves.first_slot + curves.block,
            admitted=torch.cat((self.admitted[..., 1 : curves.past], self.admitted[..., joined - 1 :]), -1),
            resolved=self.resolved[..., -1].contiguous(),
            packets=torch.cat((self.packets[..., 1 : curves.past + 1], self.packets[..., joined:]), -1),
            moment=torch.cat((self.moment[..., 1 : curves.past + 1], self.moment[..., joined:]), -1),
        )

    def report(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        """Counts the packets that were completed in the block, and their delays."""
        curves = self.curves
        column = torch.searchsorted(self.admitted, self.resolved, right=True)  # [B, U, block + 1] the first incomplete
        begun = self._begun(column)
        through = self.packets.gather(-1, column) + begun
        came = self.moment.gather(-1, column) + begun * (curves.first_slot - curves.fine - curves.past + column)
        end = 1 + torch.arange(curves.block, device=column.device)  # of each slot of the block
        done = through.diff()
        delay = (done * (curves.first_slot + end) - came.diff()).sum(-1)
        edges = [math.floor(edge / slot_s + 1e-9) for edge in BIN_EDGES_S[:-1]]
        later = torch.stack([_later(through, self._came_before(edge)) for edge in edges], -1)
        total = done.sum(-1)
        at_least = torch.cat((total[..., None], later, torch.zeros_like(total[..., None])), -1)
        late = _later(through, self.packets.gather(-1, self._column(end - budget_slots[..., None])))
        return DelayReport(total, delay * slot_s, late, -at_least.diff())

    def _begun(self, column: Tensor) -> Tensor:
        """Counts the packets that are through of the first column that is not complete, ``[B, U, block + 1]``."""
        curves = self.curves
        fine = (column - curves.past).clamp(0, curves.fine + curves.block - 1)
        bytes_ = self.resolved - self.admitted.gather(-1, (column - 1).clamp(0))
        packets = _within(curves, curves.bytes_before.gather(-1, fine), curves.packets_before.gather(-1, fine), bytes_)
        return torch.where(column == fine + curves.past, packets, 0.0)

    def _came_before(self, slots: int) -> Tensor:
        """Counts packets that had come so many slots before the end of each slot of the block, ``[B, U, block]``."""
        curves = self.curves
        first = curves.fine + 1 - slots
        if first >= 0:
            return self.packets.narrow(-1, curves.past + first, curves.block)
        end = 1 + torch.arange(curves.block, device=self.packets.device)
        return self.packets.index_select(-1, self._column(end - slots))

    def _column(self, step: Tensor) -> Tensor:
        """Returns the column of a slot counted from the first of the block, which may lie before it."""
        time = self.curves.fine + step
        column = torch.where(time < 0, time.div(self.curves.block, rounding_mode="floor"), time)
        return (self.curves.past + column).clamp(min=0)


def _within(curves: QueueCurves, bytes_before: Tensor, packets_before: Tensor, bytes_: Tensor) -> Tensor:
    """Counts the packets that end within the first ``bytes_`` of a column, in a tensor of the column's shape."""
    return torch.searchsorted(curves.ends, bytes_before + bytes_, right=True) + (curves.left - packets_before)


def _continued(sums: Tensor, more: Tensor) -> Tensor:
    """Returns running sums that go on over the columns of ``more``."""
    return torch.cat((sums, sums[..., -1:] + more.cumsum(-1)), -1)


def _later(through: Tensor, came: Tensor) -> Tensor:
    """Counts packets completed in the block that had come before a time that moves with its slots, ``[B, U]``.

    Args:
        through: packets completed until the start of the block and until the end of each slot, ``[B, U, block + 1]``.
        came: packets that had come before that time, ``[B, U, block]``.
    """
    return (through[..., 1:].minimum(came) - through[..., :-1].minimum(came)).sum(-1)


def _before(values: Tensor) -> Tensor:
    """Sums all values that come before each one, in the order of the dimensions; exact for whole numbers."""
    return values.flatten().cumsum(0).view(values.shape) - values
