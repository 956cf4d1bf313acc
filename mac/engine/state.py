"""Declares the parts of the slot engine, and the state that it passes from slot to slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from phy.channel.channel import Channel
from phy.numerics.jit import BackendName
from phy.random import Drops

from ..carrier import CarrierSettings
from ..handover.serving_plan import ServingPlan
from ..link_adaptation.adaptation import LinkSettings
from ..link_adaptation.harq import HarqSettings, HarqState
from ..link_adaptation.tables import LinkTables
from ..traffic.packets import Arrivals
from ..traffic.queue_delay import DelayLedger, DelayReport
from .coordination import CoordinationSettings
from .uplink_power import UplinkPlan

COUNTERS = (
    "served_bits",
    "demand_bits",
    "dropped_bits",
    "lost_bits",
    "granted_prbs",
    "requested_prbs",
    "first_tx",
    "first_nack",
)
"""Rows of :attr:`SlotOutcome.counters`."""
_ALWAYS_BYTES = 2.0**40  # what a full-buffer UE has waiting
LEAST_BITS = 1e-9
"""Divisor in place of the bits of a PRB where a UE is out of range."""


@dataclass(frozen=True)
class Users:
    """Describes the UEs of every drop of the batch."""

    full_buffer: Tensor  # [U] bool
    delay_budget_s: Tensor  # [U] float64, inf without a budget
    slice_id: Tensor  # [U] int64
    slices: int
    queue_bytes: float  # room of each UE's queue


@dataclass(frozen=True)
class EngineParts:
    """Holds the parts of an engine."""

    drops: Drops
    carrier: CarrierSettings
    link: LinkSettings
    harq: HarqSettings
    channel: Channel
    tables: LinkTables
    users: Users
    arrivals: Arrivals | None  # None where every UE is full-buffer
    block_slots: int
    serving_plan: ServingPlan | None = None  # None where every UE keeps its cell
    uplink: UplinkPlan | None = None  # None on a downlink
    coordination: CoordinationSettings | None = None  # None where every cell sends to its own UEs alone
    recorded_users: tuple[int, ...] = ()  # UEs of which every slot is recorded
    backend: BackendName | None = None  # form in which slots are computed; None: the quickest one that is allowed

    @property
    def shape(self) -> tuple[int, int]:
        """Returns the numbers of drops and of UEs."""
        return len(self.drops), self.channel.mean_snr.shape[1]

    @property
    def cells(self) -> int:
        """Returns the number of cells."""
        return self.channel.mean_snr.shape[2]

    @property
    def prbs(self) -> int:
        """Returns the number of PRBs."""
        return self.carrier.prbs

    @property
    def device(self) -> torch.device:
        """Returns the device of all tensors of a slot."""
        return self.channel.mean_snr.device

    @property
    def dtype(self) -> torch.dtype:
        """Returns the type of powers, SINRs and reports."""
        return self.channel.mean_snr.dtype

    @property
    def keeps_full_buffers(self) -> bool:
        """Returns whether every UE always has data, and keeps its cell."""
        return self.serving_plan is None and bool(self.users.full_buffer.all())

    def endless_bytes(self) -> Tensor:
        """Returns what always waits in the queue of each UE, float64 ``[B, U]``: 0 but for full-buffer UEs."""
        return self.users.full_buffer.to(self.device, torch.float64).expand(self.shape) * _ALWAYS_BYTES


@dataclass(frozen=True)
class Report:
    """Holds a channel report in bits that a PRB would carry in a slot."""

    bits: Tensor  # [B, U, K]
    mean_bits: Tensor  # [B, U] over the carrier

    def since(self, old: Self, due: Tensor | None) -> Self:
        """Returns this report of the UEs that are due, and an older one of the others.

        Args:
            old: of the same radio.
            due: ``[U]`` bool; None for all.
        """
        if due is None:
            return self
        kept = {}
        for name in (one.name for one in fields(self)):
            new: Tensor = getattr(self, name)
            kept[name] = torch.where(due.view(-1, *[1] * (new.dim() - 2)), new, getattr(old, name))
        return replace(self, **kept)


@dataclass(frozen=True)
class ServingCells:
    """Holds which cell serves each UE from one measurement to the next."""

    serving: Tensor  # [B, U] int64
    roster: Tensor  # [B, C, M] int64, UEs of each cell in ascending order, padded with U
    served_from_slot: Tensor | None  # [B, U] int64, slot from which a UE is served; None where all are all the time


@dataclass(frozen=True)
class CellState:
    """Holds the state of a batch of drops at the start of a slot, the arrivals of that slot already queued."""

    slot: int
    waiting_bytes: Tensor  # [B, U] float64, not yet sent
    admitted_bytes: Tensor  # [B, U] float64, since the start
    sent_bytes: Tensor  # [B, U] float64, first transmissions since the start
    harq: HarqState
    outer_loop_db: Tensor  # [B, U]
    reports: tuple[Report, ...]  # oldest (in use) first
    served_bits: Tensor  # [B, U] float64, in the last slot
    arrived: Tensor  # [2, B, U] float64: bytes arrived and bytes dropped in this slot
    ledger: DelayLedger | None
    block: SlotBlock
    attached: ServingCells

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Returns the state itself, in which nothing is ever written."""
        return self

    def later(self, **changes: Any) -> CellState:
        """Returns the state with these fields changed; quicker than :func:`dataclasses.replace`."""
        after = object.__new__(CellState)
        after.__dict__.update(self.__dict__, **changes)
        return after


R_co = TypeVar("R_co", covariant=True)


class SlotBlockResponse(Protocol[R_co]):
    """Describes the responses of links in some slots of a block."""

    @property
    def first_slot(self) -> int:
        """Returns the first of these slots."""

    def at(self, slot: int) -> R_co:
        """Returns what the radio reads in a slot."""


@dataclass(frozen=True)
class SlotBlock:
    """Holds what the slots of a block need, prepared for all at once."""

    first_slot: int
    response: SlotBlockResponse[Any]
    draws: Tensor  # [T, B, U] uniform numbers that decide on decoding
    time: Tensor  # [T] float64, number of each slot
    arrivals: Tensor | None  # [T, 2, B, U] float64: bytes, packets


@dataclass(frozen=True)
class SlotInputs(Generic[R_co]):
    """Holds one slot of a block. Compiled code reads the tensors only: a number of Python would be part of the code."""

    slot: int
    time: Tensor  # [] float64, the slot
    draws: Tensor  # [B, U]
    response: R_co  # of the radio's own type
    serving: Tensor  # [B, U] int64
    measured: bool  # whether any UE reports in this slot
    due: Tensor | None = None  # [U] bool, UEs that report; None where all or none do


@dataclass(frozen=True)
class SlotResult:
    """Holds the result of a decision in one slot."""

    waiting_bytes: Tensor  # [B, U]
    sent_bytes: Tensor  # [B, U] since the start
    harq: HarqState
    outer_loop_db: Tensor  # [B, U]
    served_bits: Tensor  # [B, U]
    report: Report | None  # None where no UE measured
    counters: Tensor  # [n, B, U] float64
    active_prbs: Tensor  # [B, C] float64


class SlotDecision(Protocol):
    """Names the UE that holds each PRB of each cell."""

    @property
    def user(self) -> Tensor:
        """Returns the holder of each PRB, int64 ``[B, C, K]``, -1 for none."""

    @property
    def partners(self) -> Tensor | None:
        """Returns the further UEs on each PRB, int64 ``[B, C, K, Uk - 1]``, -1 for none; None: every PRB has one."""


@dataclass(frozen=True)
class SlotObservation:
    """Holds what a base station knows at the start of a slot."""

    slot: int
    attached: ServingCells
    report: Report  # nothing where no cell serves the UE
    backlog_bits: Tensor  # [B, U] bits waiting for a first transmission
    need_prbs: Tensor  # [B, U] PRBs that would empty the queue or repeat the lost block
    retransmits: Tensor  # [B, U] bool, a lost block is due for repetition
    served_bits: Tensor  # [B, U] bits acknowledged in the last slot
    head_of_line: Callable[[], Tensor]  # computes the age of the oldest waiting byte, [B, U] in s
    sinr: Tensor | None = None  # [B, U, K] reported SINR of each PRB sent to one UE alone; None unless PRBs are shared
    similarity: Callable[[], Tensor] | None = None  # computes the squared correlation of UEs' directions, [B, U, U]


class SeveralSlots(Protocol):
    """Describes slots that are computed at once."""

    @property
    def slots(self) -> int:
        """Returns how many."""

    def result(self) -> tuple[SlotResult, tuple[Report, ...]]:
        """Returns the state after the slots, with counters and PRBs in use of all of them, and the reports."""


class SlotBackend(Protocol):
    """Computes slots in one form."""

    @property
    def name(self) -> BackendName: ...

    @property
    def window_slots(self) -> int:
        """Returns how many slots are prepared at once, apart from blocks."""

    def first_report(self, moment: SlotInputs[Any]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Any]) -> SlotResult:
        """Transmits what was decided."""

    def in_place(self, state: CellState, slots: int, moment: Callable[[int], SlotInputs[Any]]) -> SeveralSlots | None:
        """Returns slots to come, at most ``slots``, that can be computed in place; None where there are none."""


@dataclass(frozen=True)
class SlotOutcome:
    """Holds the results of one slot, or the sums of several."""

    counters: Tensor  # [len(COUNTERS), B, U] float64
    active_prbs: Tensor  # [B, C] float64, PRBs that carried data
    delays: DelayReport | None  # of a whole block, at its last slot
    series: Tensor | None = None  # [n, B, slots, Ur] of the recorded UEs, see slot_series; None without any
    each_active_prbs: Tensor | None = None  # [T, B, C] of each of several slots
