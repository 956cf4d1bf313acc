"""Declares what a radio computes for the engine: from a decision to the SINR of blocks, and to reports.

An engine has one radio. Queues, HARQ, the outer loop, arrivals and handovers are the engine's and know no radio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from ...link_adaptation import harq
from ..grant import Grant, Transmission
from ..state import LEAST_BITS, CellState, Report, SlotBlockResponse, SlotDecision, SlotInputs

R = TypeVar("R")


@dataclass(frozen=True)
class Expectation:
    """Holds what a base station expects of a grant before it is sent."""

    bits: Tensor  # [B, C * K] bits that each PRB would carry to the UE on it
    precoder: Tensor | None = None  # of each PRB, where it follows from the UEs on it


@dataclass(frozen=True)
class Reception:
    """Holds what was received in a slot."""

    effective_sinr: Tensor  # [B, U] of each UE's block
    activity: Tensor  # [B, C, K], 1 where a PRB carries data
    report: Report | None  # None where UEs do not report
    counters: Tensor | None = None  # [rows, B, U] float64, of :attr:`Radio.counters`


@dataclass(frozen=True)
class SharingReport:
    """Holds what a scheduler that lets UEs share PRBs is told."""

    sinr: Tensor  # [B, U, K] of a PRB sent to the UE alone
    similarity: Callable[[], Tensor]  # computes the squared correlation of UEs' directions, [B, U, U]


class Radio(Protocol[R]):
    """Computes what is received; ``R`` is the type of the channel's responses in a slot."""

    @property
    def counters(self) -> tuple[str, ...]:
        """Returns the rows that it adds to the counters of a slot."""

    @property
    def users_per_prb(self) -> int:
        """Returns how many UEs of a cell a PRB may have."""

    @property
    def slots_at_once(self) -> int:
        """Returns the slots of a response; they divide a block."""

    @property
    def follows_serving(self) -> bool:
        """Returns whether a response is of the serving cells, and made anew when these change."""

    @property
    def limits_need(self) -> bool:
        """Returns whether a UE may need fewer PRBs than would carry its queue."""

    @property
    def is_compiled(self) -> bool:
        """Returns whether the backends other than torch's know this radio."""

    @property
    def several_cells(self) -> bool:
        """Returns whether cells other than the serving one may send to a UE, also while its handover interrupts it."""

    def respond(self, first_slot: int) -> SlotBlockResponse[R]:
        """Computes the responses of links from a slot on."""

    def first_report(self, moment: SlotInputs[R]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""

    def forget(self, report: Report, kept: Tensor) -> Report:
        """Returns the report where ``kept`` ``[B, U]`` is 1, and nothing where it is 0."""

    def sharing(self, state: CellState) -> SharingReport | None:
        """Returns what is known for sharing PRBs; None where they are not shared."""

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""

    def holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UEs on each PRB, ``[B, C, K]`` or, where they may be several, ``[B, C, Uk, K]``."""

    def expect(self, state: CellState, grant: Grant) -> Expectation:
        """Computes what the reports in use promise for a grant."""

    def choose_mcs(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """Chooses the MCS of each UE's new block, int64 ``[B, U]``.

        Args:
            state: with the outer loop.
            mean_bits: ``[B, U]`` promised for a PRB, in the mean over the UE's PRBs.
            prbs: ``[B, U]`` their number.
        """

    def receive(self, moment: SlotInputs[R], sending: Transmission) -> Reception:
        """Computes what is received, and the report of the slot where one is due."""


def need_at(state: CellState, mean_bits: Tensor, prbs: int) -> Tensor:
    """Computes the PRBs that would empty each UE's queue or repeat its lost block, ``[B, U]``.

    Args:
        state: with queues and HARQ.
        mean_bits: ``[B, U]`` that a PRB carries.
        prbs: K, the most that a UE may need.
    """
    need = (state.waiting_bytes * 8 / mean_bits.clamp(min=LEAST_BITS)).ceil_().clamp_(max=prbs)
    return need_or_repetition(state, need, state.harq.usable & (mean_bits > 0))


def need_or_repetition(state: CellState, need: Tensor, reachable: Tensor) -> Tensor:
    """Returns the need of UEs that can be reached, and the PRBs of the lost block where one is to be repeated."""
    queue = state.harq
    need = torch.where(reachable, need.to(state.waiting_bytes.dtype), 0.0)
    return torch.where(queue.retransmits, queue.current[..., harq.PRBS], need)


def forget_bits(report: Report, kept: Tensor) -> Report:
    """Returns the bits of a report where ``kept`` ``[B, U]`` is 1, and none where it is 0."""
    return Report(report.bits * kept[..., None], report.mean_bits * kept)
