"""How old the bytes of a queue are, and how long packets took, from two curves: bytes admitted and bytes resolved.

Queues are first in, first out, so a packet that arrived in slot s is through when the resolved curve reaches the
admitted curve of s; it took ``t + 1 - s`` slots if that happens in slot t. Packets of one slot and user are through
together. Bytes that HARQ gave up count as resolved (the loss is counted elsewhere), and a block that succeeds while an
earlier one waits for repetition passes for the earlier: both are ours.

The curves are kept over the last ``horizon`` slots; what waited longer is reported as that old.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_NEVER = float("inf")
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
    """The curves of a batch of queues. Its tensors are written in place: one copy a block instead of one a slot."""

    def __init__(self, shape: tuple[int, int], horizon: int, block: int, device: torch.device) -> None:
        size = horizon + block
        self.block = block
        self.horizon = horizon
        self.admitted = torch.full((*shape, size), _NEVER, dtype=torch.float64, device=device)
        self.admitted[..., :horizon] = 0.0
        self.packets = torch.zeros((*shape, size + 1), dtype=torch.float64, device=device)
        self.resolved = torch.zeros((*shape, block + 1), dtype=torch.float64, device=device)

    def admit(self, step: int, total_bytes: Tensor, packets: Tensor) -> None:
        """Note the bytes admitted up to and in slot ``step`` of the block, and the packets admitted in it."""
        column = self.horizon + step
        self.admitted[..., column] = total_bytes
        torch.add(self.packets[..., column], packets, out=self.packets[..., column + 1])

    def resolve(self, step: int, total_bytes: Tensor) -> None:
        """Note the bytes delivered or given up until the end of slot ``step`` of the block."""
        self.resolved[..., step + 1] = total_bytes

    def age(self, step: int, sent_bytes: Tensor) -> Tensor:
        """Age in slots of the oldest byte not yet sent, ``[B, U]``; meaningless where nothing waits."""
        first = torch.searchsorted(self.admitted, sent_bytes[..., None], right=True)[..., 0]
        return (self.horizon + step - first).clamp_(min=0)

    def close(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        """Report the block that is full, and make room for the next."""
        report = self._report(slot_s, budget_slots)
        keep = self.block
        self.admitted = torch.cat((self.admitted[..., keep:], torch.full_like(self.admitted[..., :keep], _NEVER)), -1)
        self.packets = torch.cat((self.packets[..., keep:], torch.zeros_like(self.packets[..., :keep])), -1)
        self.resolved = torch.cat((self.resolved[..., -1:], torch.zeros_like(self.resolved[..., :keep])), -1)
        return report

    def _report(self, slot_s: float, budget_slots: Tensor) -> DelayReport:
        through = torch.searchsorted(self.admitted, self.resolved, right=True)  # [B, U, block + 1] columns complete
        arrivals = self.packets.diff()
        column = torch.arange(arrivals.shape[-1], dtype=torch.float64, device=arrivals.device)
        moment = torch.nn.functional.pad((arrivals * column).cumsum(-1), (1, 0))
        now = self.horizon + 1 + torch.arange(self.block, device=arrivals.device)  # end of each slot, in columns
        done = self.packets.gather(-1, through).diff()
        delay = (done * now - moment.gather(-1, through).diff()).sum(-1)
        edges = [math.floor(edge / slot_s + 1e-9) for edge in BIN_EDGES_S[:-1]]
        later = torch.stack([self._later(through, now, edge) for edge in edges], -1)
        total = done.sum(-1)
        at_least = torch.cat((total[..., None], later, torch.zeros_like(total[..., None])), -1)
        late = self._later(through, now, budget_slots[..., None])
        return DelayReport(total, delay * slot_s, late, -at_least.diff())

    def _later(self, through: Tensor, now: Tensor, slots: Tensor | int) -> Tensor:
        """Packets that were completed in the block after more than ``slots`` slots, ``[B, U]``."""
        newest = (now - slots).clamp(min=0)  # arrived before this column
        after = self.packets.gather(-1, torch.minimum(through[..., 1:], newest))
        before = self.packets.gather(-1, torch.minimum(through[..., :-1], newest))
        return (after - before).sum(-1)
