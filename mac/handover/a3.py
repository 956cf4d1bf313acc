"""Who is served by which cell while users move: event A3, handover, radio-link failure.

At every measurement, of filtered RSRP ``M`` in dB and for every cell n other than the serving cell p
(TS 38.331 clause 5.5.4.4, one carrier, so that no frequency has an offset):

    entering   Mn + Ocn - Hys > Mp + Ocp + Off
    leaving    Mn + Ocn + Hys < Mp + Ocp + Off

A cell for which the entering condition held at all measurements of the time to trigger is reported. The network
prepares a handover to the strongest one reported, and withdraws it if the target's leaving condition is met
meanwhile (ours). When the preparation is over, the command is sent, and nobody serves the user until the interruption
is over too.

A link is out of sync from a SINR below Qout, averaged over 200 ms, to one above Qin, averaged over 100 ms (the caller
takes the averages). If it stays so for T310 the link has failed; if it is so when the command is due, the command is
lost. Both are failures of a handover from the moment on at which some cell meets the entering condition (state 2 of
TR 36.839 clause 5.2.1), before that a failure of the link. Either way the user is served by nobody for the time of the
re-establishment, and then by the cell that he hears best. The way to the target never fails (state 3 of that clause).

A handover back to the cell of the last one is a ping-pong if the stay in between, from completion to completion, was
shorter than the least time of stay (TR 36.839 clause 5.2.1).

Time runs in slots, and everything happens at a measurement: what is due in between waits for the next one. Only the end
of an interruption is exact to the slot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from pydantic import Field as Setting
from pydantic import field_validator, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.settings import STRICT

from ..core.contracts import Field

COUNTERS = (
    "handovers",
    "ping_pongs",
    "handover_failures",
    "radio_link_failures",
    "interruption_s",
    "stay_s",
)
"""Rows of what :func:`update` counts; ``stay_s`` belongs to the cells that were left."""

UNSERVED = "unserved_prbs"
"""Row of the engine's counters behind these: PRBs granted to users whom nobody served; they carry nothing."""

FIELDS: Mapping[str, Field] = {
    "handovers": Field(("user",), "1", "sum", "handovers that were carried out"),
    "ping_pongs": Field(("user",), "1", "sum", "handovers back to the cell before after too short a stay"),
    "handover_failures": Field(("user",), "1", "sum", "handovers that failed, from the event on until the command"),
    "radio_link_failures": Field(("user",), "1", "sum", "links that failed without a handover under way"),
    "interruption_s": Field(("user",), "s", "sum", "time served by nobody, counted where it begins"),
    "stay_s": Field(("user",), "s", "sum", "time of stay in the cells that were left"),
    UNSERVED: Field(("user",), "PRB", "sum", "PRBs granted to who was served by nobody; not in granted_prbs, not sent"),
}
"""How the counters are recorded."""

FAR = 2**62
"""A slot that never comes."""
NOBODY = -1
"""Instead of a cell."""

_CELL_OFFSETS_DB = (*range(-24, -6, 2), *range(-6, 7), *range(8, 25, 2))  # Q-OffsetRange of TS 38.331
TimeToTrigger = Literal[0, 40, 64, 80, 100, 128, 160, 256, 320, 480, 512, 640, 1024, 1280, 2560, 5120]
"""Values of TimeToTrigger in TS 38.331, ms."""


@settings(frozen=True, config=STRICT)
class HandoverSettings:
    """When users change their cell, and what it costs them."""

    offset_db: float = Setting(default=2.0, ge=-15.0, le=15.0, multiple_of=0.5)
    """a3-Offset, Off: how much stronger than the serving cell another one must be."""
    hysteresis_db: float = Setting(default=1.0, ge=0.0, le=15.0, multiple_of=0.5)
    """Hys: added to the offset to enter the event, taken off to leave it."""
    time_to_trigger_ms: TimeToTrigger = 40
    """How long the entering condition must hold."""
    cell_offsets_db: tuple[float, ...] = ()
    """Ocn, cellIndividualOffset of each cell; all 0 where none are given."""
    preparation_ms: float = Setting(default=40.0, ge=0.0, le=10_000.0)
    """From the report to the command."""
    interruption_ms: float = Setting(default=40.0, ge=0.0, le=10_000.0)
    """From the command until the new cell serves the user."""
    qout_db: float = Setting(default=-8.0, ge=-20.0, le=10.0)
    """SINR below which a link is out of sync."""
    qin_db: float = Setting(default=-6.0, ge=-20.0, le=10.0)
    """SINR above which it is in sync again."""
    qout_window_ms: float = Setting(default=200.0, ge=0.0, le=10_000.0)
    """Time over which the SINR is averaged that is compared with qout_db; 0 takes the last sample."""
    qin_window_ms: float = Setting(default=100.0, ge=0.0, le=10_000.0)
    """The same for qin_db."""
    load: float = Setting(default=1.0, ge=0.0, le=1.0)
    """Share of their power at which the other cells disturb that SINR."""
    t310_ms: Literal[0, 50, 100, 200, 500, 1000, 2000, 4000, 6000] = 1000
    """How long a link may be out of sync until it has failed."""
    reestablishment_ms: float = Setting(default=200.0, ge=0.0, le=60_000.0)
    """From a failure until a cell serves the user again."""
    min_stay_s: float = Setting(default=1.0, ge=0.0, le=60.0)
    """A stay shorter than that, between a handover and the one back, makes a ping-pong."""

    @field_validator("cell_offsets_db")
    @classmethod
    def _in_the_list(cls, offsets: tuple[float, ...]) -> tuple[float, ...]:
        for cell, offset in enumerate(offsets):
            if offset not in _CELL_OFFSETS_DB:
                raise ValueError(
                    f"the offset of cell {cell} is {offset:g} dB; allowed are -24 to 24 dB, in steps of 1 dB from -6 "
                    "to 6 and of 2 dB beyond (Q-OffsetRange of TS 38.331)"
                )
        return offsets

    @model_validator(mode="after")
    def _in_above_out(self) -> Self:
        if self.qin_db < self.qout_db:
            raise ValueError(f"qin_db is {self.qin_db:g}, but it cannot be less than qout_db ({self.qout_db:g})")
        return self


@dataclass(frozen=True)
class Rules:
    """The settings on an engine's clock, in slots."""

    settings: HandoverSettings
    cell_offset_db: Tensor  # [C]
    slot_s: float
    time_to_trigger: int
    preparation: int
    interruption: int
    t310: int
    reestablishment: int
    min_stay: int


@dataclass(frozen=True)
class HandoverState:
    """Of every user; slots are int64."""

    serving: Tensor  # [B, U] int64 cell
    previous: Tensor  # [B, U] cell from which the last handover came, NOBODY after a failure
    entered: Tensor  # [B, U] slot in which the serving cell began to serve
    target: Tensor  # [B, U] cell that is being prepared, or NOBODY
    command: Tensor  # [B, U] slot in which the command is due, or FAR
    since: Tensor  # [B, U, C] slot since which the entering condition holds, or FAR
    out_of_sync: Tensor  # [B, U] slot since which the link is out of sync, or FAR
    back: Tensor  # [B, U] slot from which the user is served, now or again

    def served(self, slot: int) -> Tensor:
        """Who is served in a slot, bool ``[B, U]``."""
        return self.back <= slot


def rules(settings: HandoverSettings, cells: int, slot_s: float, device: torch.device) -> Rules:
    """Durations in slots, rounded up.

    Raises:
        ValueError: not as many offsets as cells.
    """
    offsets = settings.cell_offsets_db or (0.0,) * cells
    if len(offsets) != cells:
        raise ValueError(
            f"cell_offsets_db has {len(offsets)} values for {cells} cells; give one for each cell, or none at all"
        )

    def slots(duration_s: float) -> int:
        return slots_of(duration_s, slot_s)

    return Rules(
        settings=settings,
        cell_offset_db=torch.tensor(offsets, dtype=torch.float64, device=device),
        slot_s=slot_s,
        time_to_trigger=slots(settings.time_to_trigger_ms / 1e3),
        preparation=slots(settings.preparation_ms / 1e3),
        interruption=slots(settings.interruption_ms / 1e3),
        t310=slots(settings.t310_ms / 1e3),
        reestablishment=slots(settings.reestablishment_ms / 1e3),
        min_stay=slots(settings.min_stay_s),
    )


def slots_of(duration_s: float, slot_s: float) -> int:
    """A duration in slots, rounded up."""
    return math.ceil(duration_s / slot_s - 1e-9)


def start(filtered_db: Tensor) -> HandoverState:
    """Cell selection: each user is served by the cell with the greatest RSRP ``[B, U, C]``."""
    return attached(filtered_db.argmax(-1), filtered_db.shape[-1])


def attached(serving: Tensor, cells: int) -> HandoverState:
    """The same with cells ``[B, U]`` that were chosen otherwise."""
    far = torch.full_like(serving, FAR)
    zero = torch.zeros_like(serving)
    return HandoverState(
        serving=serving,
        previous=zero + NOBODY,
        entered=zero,
        target=zero + NOBODY,
        command=far,
        since=far[..., None].repeat(1, 1, cells),
        out_of_sync=far,
        back=zero,
    )


def update(
    state: HandoverState,
    filtered_db: Tensor,
    sinr_db: Tensor,
    slot: int,
    rules: Rules,
    sinr_in_db: Tensor | None = None,
) -> tuple[HandoverState, Tensor]:
    """One measurement.

    Args:
        state: after the measurement before.
        filtered_db: RSRP ``[B, U, C]``, see :mod:`mac.handover.measurements`.
        sinr_db: of the serving cell, as it is compared with Qout, ``[B, U]``.
        slot: of the measurement.
        rules: on the clock of the slots.
        sinr_in_db: as it is compared with Qin; the same if not given.

    Returns:
        The new state, and what happened, ``[len(COUNTERS), B, U]`` float64.
    """
    here = state.served(slot)
    state = _watch_link(state, (sinr_db, sinr_db if sinr_in_db is None else sinr_in_db), here, slot, rules)
    state = _prepare(state, filtered_db, here, slot, rules)
    prepares, broken = state.target != NOBODY, state.out_of_sync <= slot
    due = prepares & (state.command <= slot)
    failed = (broken & (slot - state.out_of_sync >= rules.t310)) | (due & broken)
    done = due & ~failed
    return _move(state, filtered_db.argmax(-1), done, failed, slot, rules)


def _watch_link(
    state: HandoverState, sinr_db: tuple[Tensor, Tensor], here: Tensor, slot: int, rules: Rules
) -> HandoverState:
    """Start T310 below Qout, stop it above Qin and for who is served by nobody."""
    begins = torch.where(sinr_db[0] < rules.settings.qout_db, state.out_of_sync.clamp(max=slot), state.out_of_sync)
    stops = (sinr_db[1] > rules.settings.qin_db) | ~here
    return replace(state, out_of_sync=begins.masked_fill(stops, FAR))


def _prepare(state: HandoverState, filtered_db: Tensor, here: Tensor, slot: int, rules: Rules) -> HandoverState:
    """Event A3: withdraw what is no longer wanted, count the time to trigger, choose a target."""
    level = filtered_db + rules.cell_offset_db.to(filtered_db.dtype)
    bar = level.gather(-1, state.serving[..., None]) + rules.settings.offset_db
    other = torch.arange(level.shape[-1], device=level.device) != state.serving[..., None]
    entering = (level - rules.settings.hysteresis_db > bar) & other & here[..., None]
    since = torch.where(entering, state.since.clamp(max=slot), FAR)
    leaving = (level + rules.settings.hysteresis_db < bar).gather(-1, state.target.clamp(min=0)[..., None])[..., 0]
    kept = (state.target != NOBODY) & ~leaving
    reported = slot - since >= rules.time_to_trigger
    strongest = filtered_db.masked_fill(~reported, -torch.inf).argmax(-1)
    begins = ~kept & reported.any(-1)
    return replace(
        state,
        since=since,
        target=torch.where(begins, strongest, state.target.masked_fill(~kept, NOBODY)),
        command=torch.where(begins, slot + rules.preparation, state.command.masked_fill(~kept, FAR)),
    )


def _move(
    state: HandoverState, best: Tensor, done: Tensor, failed: Tensor, slot: int, rules: Rules
) -> tuple[HandoverState, Tensor]:
    """Carry out handovers and re-establishments; ``best`` is the cell heard best."""
    moved = done | failed
    away = done * rules.interruption + failed * rules.reestablishment
    back = torch.where(moved, slot + away, state.back)
    stay = torch.where(done, back, slot) - state.entered
    ping_pong = done & (state.target == state.previous) & (stay < rules.min_stay)
    prepared = failed & ((state.target != NOBODY) | (state.since <= slot).any(-1))
    seconds = (away * rules.slot_s, moved * stay * rules.slot_s)
    events = (done, ping_pong, prepared, failed & ~prepared)
    counts = torch.stack([count.to(torch.float64) for count in (*events, *seconds)])
    fresh = HandoverState(
        serving=torch.where(done, state.target, torch.where(failed, best, state.serving)),
        previous=torch.where(done, state.serving, state.previous.masked_fill(failed, NOBODY)),
        entered=torch.where(moved, back, state.entered),
        target=state.target.masked_fill(moved, NOBODY),
        command=state.command.masked_fill(moved, FAR),
        since=state.since.masked_fill(moved[..., None], FAR),
        out_of_sync=state.out_of_sync.masked_fill(moved, FAR),
        back=back,
    )
    return fresh, counts
