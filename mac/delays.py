"""How old the bytes of a queue are, and how long packets took, from two curves: bytes admitted and bytes resolved.

Queues are first in, first out, so a packet that arrived in slot s is through when the resolved curve reaches the
admitted curve of s; it took ``t + 1 - s`` slots if that happens in slot t. Packets of one slot and user are through
together. Bytes that HARQ gave up count as resolved (the loss is counted elsewhere), and a block that succeeds while an
earlier one waits for repetition passes for the earlier: both are ours.

The curves are kept slot by slot over the last ``_FINE`` slots and block by block over about ``_HORIZON`` before
them, where the packets of a block are through together. What waits even longer is reported as that old, and is not
among the packets counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

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
    """

    def __init__(self, shape: tuple[int, int], block: int, device: torch.device) -> None:
        self.block = block
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

    def admit(self, step: int, total_bytes: Tensor, packets: Tensor) -> None:
        """Note the bytes admitted up to and in slot ``step`` of the block, and the packets admitted in it."""
        column = self.past + self.fine + step
        self.admitted[..., column] = total_bytes
        torch.add(self.packets[..., column], packets, out=self.packets[..., column + 1])
        moment = self.moment[..., column]
        torch.add(moment, packets, alpha=self.first_slot + step, out=self.moment[..., column + 1])

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
        return report

    def _shifted(self, sums: Tensor) -> Tensor:
        """Running sums after the oldest fine slots became one block and the oldest block left."""
        past, fine = sums[..., 1 : self.past + 1], sums[..., self.past + self.block :]
        return torch.cat((past, fine, fine[..., -1:].expand(*fine.shape[:-1], self.block)), -1)

    def _report(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        through = torch.searchsorted(self.admitted, self.resolved, right=True)  # [B, U, block + 1] columns complete
        end = 1 + torch.arange(self.block, device=through.device)  # of each slot of the block
        done = self.packets.gather(-1, through).diff()
        delay = (done * (self.first_slot + end) - self.moment.gather(-1, through).diff()).sum(-1)
        edges = [math.floor(edge / slot_s + 1e-9) for edge in BIN_EDGES_S[:-1]]
        later = torch.stack([self._later(through, end, edge) for edge in edges], -1)
        total = done.sum(-1)
        at_least = torch.cat((total[..., None], later, torch.zeros_like(total[..., None])), -1)
        late = self._later(through, end, budget_slots[..., None])
        return DelayReport(total, delay * slot_s, late, -at_least.diff())

    def _later(self, through: Tensor, end: Tensor, slots: Tensor | int) -> Tensor:
        """Packets that were completed in the block after more than ``slots`` slots, ``[B, U]``."""
        time = self.fine + end - slots  # they arrived before this time
        columns = torch.where(time < 0, time.div(self.block, rounding_mode="floor"), time)
        newest = (self.past + columns).clamp(min=0)
        after = self.packets.gather(-1, torch.minimum(through[..., 1:], newest))
        before = self.packets.gather(-1, torch.minimum(through[..., :-1], newest))
        return (after - before).sum(-1)
