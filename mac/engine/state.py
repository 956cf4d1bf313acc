"""What the slot engine is made of, and what it hands from slot to slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from phy.channel.channel import Channel
from phy.channel.matrices import HeardCells
from phy.random import Drops

from ..carrier import CarrierSettings
from ..handover.serving_plan import ServingPlan
from ..link_adaptation.adaptation import LinkSettings
from ..link_adaptation.harq import HarqSettings, HarqState
from ..link_adaptation.tables import LinkTables
from ..traffic.packets import Arrivals
from ..traffic.queue_delay import DelayLedger, DelayReport
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
LEAST_BITS = 1e-9
"""Divisor in place of the bits of a PRB where a user is out of range."""


@dataclass(frozen=True)
class Users:
    """Users of every drop of the batch."""

    full_buffer: Tensor  # [U] bool
    delay_budget_s: Tensor  # [U] float64, inf without a budget
    slice_id: Tensor  # [U] int64
    slices: int
    queue_bytes: float  # room of each user's queue


@dataclass(frozen=True)
class Parts:
    """What an engine is made of."""

    drops: Drops
    carrier: CarrierSettings
    link: LinkSettings
    harq: HarqSettings
    channel: Channel
    tables: LinkTables
    users: Users
    arrivals: Arrivals | None  # None where every user is full-buffer
    block_slots: int
    itinerary: ServingPlan | None = None  # None where everybody keeps his cell
    uplink: UplinkPlan | None = None  # None on a downlink
    compiled: bool = True  # loops of a slot in machine code, where there are any; the numbers are the same


@dataclass(frozen=True)
class Report:
    """A channel report in bits that a PRB would carry in a slot."""

    bits: Tensor  # [B, U, K]
    mean_bits: Tensor  # [B, U] over the carrier


@dataclass(frozen=True)
class Attached:
    """Who is served by whom, from one measurement to the next."""

    serving: Tensor  # [B, U] int64
    roster: Tensor  # [B, C, M] int64, see SchedulingObservation
    back: Tensor | None  # [B, U] int64, slot from which a user is served; None where everybody is all the time


@dataclass(frozen=True)
class CellState:
    """A batch of drops at the start of a slot, the arrivals of that slot already queued."""

    slot: int
    waiting_bytes: Tensor  # [B, U] float64, not yet sent
    admitted_bytes: Tensor  # [B, U] float64, since the start
    sent_bytes: Tensor  # [B, U] float64, first transmissions since the start
    harq: HarqState
    outer_loop_db: Tensor  # [B, U]
    reports: tuple[Report, ...]  # oldest (in use) first
    served_bits: Tensor  # [B, U] float64, in the last slot
    arrived: Tensor  # [2, B, U] float64: bytes arrived and bytes dropped in this slot
    owned: Tensor | None  # [B, U, K] bool, see SchedulingObservation
    borrowable: Tensor | None
    most_prbs: Tensor | None  # [B, C, S] int64
    breaches: Tensor  # [B] int64, forbidden PRBs of the decisions not yet judged
    ledger: DelayLedger | None
    block: Block
    attached: Attached

    def later(self, **changes: Any) -> CellState:
        """The same with these fields changed, once a slot: :func:`dataclasses.replace` would ask for each field."""
        after = object.__new__(CellState)
        after.__dict__.update(self.__dict__, **changes)
        return after


@dataclass(frozen=True)
class Block:
    """What the slots of a block need, prepared for all at once."""

    first_slot: int
    coordinates: Tensor  # [B, U, T, C * 2D] of the slots from fading_slot on
    fading_slot: int
    luck: Tensor  # [T, B, U] uniform numbers that decide on decoding
    time: Tensor  # [T] float64, number of each slot
    arrivals: Tensor | None  # [T, 2, B, U] float64: bytes, packets
    around: HeardCells | None = None  # with panels: whose matrices the coordinates are


@dataclass(frozen=True)
class Moment:
    """One slot of a block. What is compiled reads the tensors only: a number of Python would be part of the code."""

    slot: int
    block: Block
    time: Tensor  # [] float64, the slot
    luck: Tensor  # [B, U]
    air: Tensor  # [B, U, C * 2D] coordinates of the slot; with panels those of the block
    serving: Tensor  # [B, U] int64
    measured: bool  # whether users report in this slot


@dataclass(frozen=True)
class Carried:
    """What one slot did with a decision."""

    waiting_bytes: Tensor  # [B, U]
    sent_bytes: Tensor  # [B, U] since the start
    harq: HarqState
    outer_loop_db: Tensor  # [B, U]
    served_bits: Tensor  # [B, U]
    report: Report | None  # None where nobody measured
    counters: Tensor  # [n, B, U] float64
    active_prbs: Tensor  # [B, C] float64


@dataclass(frozen=True)
class SlotOutcome:
    """What one slot did."""

    counters: Tensor  # [len(COUNTERS), B, U] float64
    active_prbs: Tensor  # [B, C] float64, PRBs that carried data
    delays: DelayReport | None  # of a whole block, at its last slot


@dataclass(frozen=True)
class Grant:
    """A decision as the users see it."""

    held: Tensor  # [B, C, K] bool
    holder: Tensor  # [B, C * K] int64, U where nobody
    place: Tensor  # [B, C * K] int64, of (holder, PRB) in a flat [U * K]
    prbs: Tensor  # [B, U]
    mcs: Tensor  # [B, U] int64
