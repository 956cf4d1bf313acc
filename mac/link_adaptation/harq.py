"""Computes HARQ: parallel stop-and-wait processes with soft combining and a limited number of attempts.

Processes are asynchronous (TS 38.321 5.3.2): a block that failed is repeated, in any slot after its feedback, on
however many PRBs it is given. Repetitions combine by adding up effective SINRs, each weighted by its PRBs over those
of the first attempt (Chase combining; the weight is ours).

B drops, U UEs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.settings import STRICT

BYTES, MCS, PRBS, SINR, ATTEMPTS, READY = range(6)


@settings(frozen=True, config=STRICT)
class HarqSettings:
    """Sets the retransmissions of the MAC layer."""

    processes: int = Field(default=8, ge=1, le=32)
    """Stop-and-wait processes of a UE."""
    round_trip_slots: int = Field(default=8, ge=1, le=64)
    """Slots from a transmission to the earliest next use of its process."""
    max_attempts: int = Field(default=4, ge=1, le=16)
    """Transmissions of a block after which it is given up; 1 switches retransmissions off."""


@dataclass(frozen=True)
class HarqState:
    """Holds blocks in flight and the process of each UE for the coming slot."""

    blocks: Tensor  # [B, U, processes, 6] float64: bytes (0: none), MCS, PRBs, SINR, attempts, first usable slot
    process: Tensor  # [B, U] int64, process to use in the coming slot
    usable: Tensor  # [B, U] bool, that process is not waiting for feedback
    retransmits: Tensor  # [B, U] bool, it holds a block to repeat
    current: Tensor  # [B, U, 6] that process's row of blocks


@dataclass(frozen=True)
class Attempt:
    """Holds the result of one slot's transmissions, of the chosen process of each UE, all ``[B, U]``."""

    sent: Tensor  # bool
    bytes: Tensor
    mcs: Tensor
    prbs: Tensor  # of the first attempt
    sinr: Tensor  # combined, linear
    attempts: Tensor
    decoded: Tensor  # bool
    given_up: Tensor  # bool


def start(shape: tuple[int, int], settings: HarqSettings, device: torch.device) -> HarqState:
    """Makes the state without blocks in flight; ``shape`` is (B, U)."""
    blocks = torch.zeros((*shape, settings.processes, 6), dtype=torch.float64, device=device)
    return choose(blocks, 0)


def choose(blocks: Tensor, slot: int | Tensor) -> HarqState:
    """Chooses for each UE the process of a slot: a block due for repetition, longest due first, else a free one.

    Args:
        blocks: ``[B, U, processes, 6]``, see :class:`HarqState`.
        slot: number of the slot.
    """
    waited = slot + 1 - blocks[..., READY]  # at least 1 where usable
    urgency = torch.where(blocks[..., BYTES] > 0, 2 * waited, waited.clamp(max=1))
    best, process = urgency.clamp_(min=0).max(-1)
    retransmits = best > 1
    return HarqState(blocks, process, best > 0, retransmits, blocks.gather(2, _row(process))[:, :, 0])


def update(state: HarqState, attempt: Attempt, slot: Tensor, settings: HarqSettings) -> HarqState:
    """Writes the attempts of ``slot``, a tensor without dimensions, to their processes; chooses those of the next."""
    over = attempt.decoded | attempt.given_up
    kept = attempt.bytes.masked_fill(over, 0.0)
    ready = (slot + settings.round_trip_slots).expand_as(kept)
    new = torch.stack((kept, attempt.mcs, attempt.prbs, attempt.sinr, attempt.attempts, ready), -1)
    row = torch.where(attempt.sent[..., None], new, state.current)
    return choose(state.blocks.scatter(2, _row(state.process), row[:, :, None]), slot + 1)


def in_flight_bytes(state: HarqState) -> Tensor:
    """Sums the bytes that wait for a repetition, ``[B, U]``."""
    return state.blocks[..., BYTES].sum(-1)


def _row(process: Tensor) -> Tensor:
    return process[..., None, None].expand(-1, -1, 1, 6)
