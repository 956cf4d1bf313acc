"""Computes serving cells of moving UEs: event A3, handover, radio link failure (TS 38.331 5.5.4.4 and 5.3.10).

At every measurement, of filtered RSRP ``M`` in dB and for every cell n other than the serving cell p
(TS 38.331 clause 5.5.4.4, one carrier, so that no frequency has an offset):

    entering   Mn + Ocn - Hys > Mp + Ocp + Off
    leaving    Mn + Ocn + Hys < Mp + Ocp + Off

A cell for which the entering condition held at all measurements of the time to trigger is reported. The network
prepares a handover to the strongest reported cell, and withdraws it if the target's leaving condition is met
meanwhile (ours). When the preparation is over, the command is sent, and no cell serves the UE until the interruption
is over too.

A link is out of sync from a SINR below Qout, averaged over 200 ms, to one above Qin, averaged over 100 ms (the caller
takes the averages). If it stays so for T310 the link has failed; if it is so when the command is due, the command is
lost. Both are failures of a handover from the moment on at which some cell meets the entering condition (state 2 of
TR 36.839 clause 5.2.1), before that a failure of the link. Either way no cell serves the UE for the time of the
re-establishment, and then the cell with the greatest RSRP does. The link to the target never fails (state 3 of that
clause).

A handover back to the cell of the last one is a ping-pong if the stay in between, from completion to completion, was
shorter than the least time of stay (TR 36.839 clause 5.2.1).

Time runs in slots, and everything happens at a measurement: what is due in between waits for the next one. Only the end
of an interruption is exact to the slot.

B drops, U UEs, C cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..core.contracts import ArraySpec
from .settings import HandoverSettings

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
"""Row of the engine's counters behind these: PRBs granted to UEs that no cell served; they carry nothing."""

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "handovers": ArraySpec(("user",), "1", "sum", "handovers that were carried out"),
    "ping_pongs": ArraySpec(("user",), "1", "sum", "handovers back to the cell before after too short a stay"),
    "handover_failures": ArraySpec(("user",), "1", "sum", "handovers that failed, from the event on until the command"),
    "radio_link_failures": ArraySpec(("user",), "1", "sum", "links that failed without a handover under way"),
    "interruption_s": ArraySpec(("user",), "s", "sum", "time served by no cell, counted where it begins"),
    "stay_s": ArraySpec(("user",), "s", "sum", "time of stay in the cells that were left"),
    UNSERVED: ArraySpec(("user",), "PRB", "sum", "PRBs granted while no cell served; not in granted_prbs, not sent"),
}
"""How the counters are recorded."""

FAR = 2**62
"""A slot that never comes."""
NO_CELL = -1
"""Instead of a cell."""


@dataclass(frozen=True)
class HandoverRules:
    """Holds the settings on an engine's clock, durations in slots."""

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
    """Holds the state of every UE between measurements; slots are int64."""

    serving: Tensor  # [B, U] int64 cell
    previous: Tensor  # [B, U] cell from which the last handover came, NO_CELL after a failure
    entered: Tensor  # [B, U] slot in which the serving cell began to serve
    target: Tensor  # [B, U] cell that is being prepared, or NO_CELL
    command: Tensor  # [B, U] slot in which the command is due, or FAR
    since: Tensor  # [B, U, C] slot since which the entering condition holds, or FAR
    out_of_sync: Tensor  # [B, U] slot since which the link is out of sync, or FAR
    served_from_slot: Tensor  # [B, U] slot from which the UE is served, now or again

    def served(self, slot: int) -> Tensor:
        """Returns which UEs are served in a slot, bool ``[B, U]``."""
        return self.served_from_slot <= slot


@dataclass(frozen=True)
class LinkSinr:
    """Holds the SINR of the serving cells as radio link monitoring compares it with its two thresholds."""

    qout_db: Tensor  # [B, U] averaged for the comparison with Qout
    qin_db: Tensor  # [B, U] averaged for the comparison with Qin

    @classmethod
    def same(cls, sinr_db: Tensor) -> Self:
        """Uses one SINR ``[B, U]`` in dB for both comparisons."""
        return cls(sinr_db, sinr_db)


def rules(settings: HandoverSettings, cells: int, slot_s: float, device: torch.device) -> HandoverRules:
    """Converts the durations of the settings to slots, rounded up.

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

    return HandoverRules(
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
    """Converts a duration in seconds to slots, rounded up."""
    return math.ceil(duration_s / slot_s - 1e-9)


def start(filtered_db: Tensor) -> HandoverState:
    """Attaches each UE to the cell with the greatest RSRP, ``[B, U, C]`` in dB (cell selection)."""
    return attached(filtered_db.argmax(-1), filtered_db.shape[-1])


def attached(serving: Tensor, cells: int) -> HandoverState:
    """Attaches each UE to a given cell, ``[B, U]`` int64 of ``cells``, served from slot 0 on."""
    far = torch.full_like(serving, FAR)
    zero = torch.zeros_like(serving)
    return HandoverState(
        serving=serving,
        previous=zero + NO_CELL,
        entered=zero,
        target=zero + NO_CELL,
        command=far,
        since=far[..., None].repeat(1, 1, cells),
        out_of_sync=far,
        served_from_slot=zero,
    )


def update(
    state: HandoverState, filtered_db: Tensor, sinr: LinkSinr, slot: int, rules: HandoverRules
) -> tuple[HandoverState, Tensor]:
    """Applies one measurement: monitors links, prepares handovers, carries out what is due.

    Args:
        state: after the measurement before.
        filtered_db: RSRP ``[B, U, C]`` in dB, see :mod:`mac.handover.measurements`.
        sinr: of the serving cells.
        slot: of the measurement.
        rules: on the clock of the slots.

    Returns:
        The new state, and what happened, ``[len(COUNTERS), B, U]`` float64.
    """
    served = state.served(slot)
    state = _monitor_link(state, sinr, served, slot, rules)
    state = _prepare(state, filtered_db, served, slot, rules)
    prepares, broken = state.target != NO_CELL, state.out_of_sync <= slot
    due = prepares & (state.command <= slot)
    failed = (broken & (slot - state.out_of_sync >= rules.t310)) | (due & broken)
    done = due & ~failed
    return _change_cells(state, filtered_db.argmax(-1), done, failed, slot, rules)


def _monitor_link(
    state: HandoverState, sinr: LinkSinr, served: Tensor, slot: int, rules: HandoverRules
) -> HandoverState:
    """Starts T310 below Qout; stops it above Qin and for UEs that no cell serves."""
    begins = torch.where(sinr.qout_db < rules.settings.qout_db, state.out_of_sync.clamp(max=slot), state.out_of_sync)
    stops = (sinr.qin_db > rules.settings.qin_db) | ~served
    return replace(state, out_of_sync=begins.masked_fill(stops, FAR))


def _prepare(
    state: HandoverState, filtered_db: Tensor, served: Tensor, slot: int, rules: HandoverRules
) -> HandoverState:
    """Withdraws preparations that event A3 no longer supports, counts the time to trigger, chooses targets."""
    level = filtered_db + rules.cell_offset_db.to(filtered_db.dtype)
    bar = level.gather(-1, state.serving[..., None]) + rules.settings.offset_db
    other = torch.arange(level.shape[-1], device=level.device) != state.serving[..., None]
    entering = (level - rules.settings.hysteresis_db > bar) & other & served[..., None]
    since = torch.where(entering, state.since.clamp(max=slot), FAR)
    leaving = (level + rules.settings.hysteresis_db < bar).gather(-1, state.target.clamp(min=0)[..., None])[..., 0]
    kept = (state.target != NO_CELL) & ~leaving
    reported = slot - since >= rules.time_to_trigger
    strongest = filtered_db.masked_fill(~reported, -torch.inf).argmax(-1)
    begins = ~kept & reported.any(-1)
    return replace(
        state,
        since=since,
        target=torch.where(begins, strongest, state.target.masked_fill(~kept, NO_CELL)),
        command=torch.where(begins, slot + rules.preparation, state.command.masked_fill(~kept, FAR)),
    )


def _change_cells(
    state: HandoverState, best: Tensor, done: Tensor, failed: Tensor, slot: int, rules: HandoverRules
) -> tuple[HandoverState, Tensor]:
    """Carries out handovers and re-establishments; ``best [B, U]`` is the cell with the greatest RSRP."""
    moved = done | failed
    unserved = done * rules.interruption + failed * rules.reestablishment
    served_from = torch.where(moved, slot + unserved, state.served_from_slot)
    stay = torch.where(done, served_from, slot) - state.entered
    ping_pong = done & (state.target == state.previous) & (stay < rules.min_stay)
    prepared = failed & ((state.target != NO_CELL) | (state.since <= slot).any(-1))
    seconds = (unserved * rules.slot_s, moved * stay * rules.slot_s)
    events = (done, ping_pong, prepared, failed & ~prepared)
    counts = torch.stack([count.to(torch.float64) for count in (*events, *seconds)])
    fresh = HandoverState(
        serving=torch.where(done, state.target, torch.where(failed, best, state.serving)),
        previous=torch.where(done, state.serving, state.previous.masked_fill(failed, NO_CELL)),
        entered=torch.where(moved, served_from, state.entered),
        target=state.target.masked_fill(moved, NO_CELL),
        command=state.command.masked_fill(moved, FAR),
        since=state.since.masked_fill(moved[..., None], FAR),
        out_of_sync=state.out_of_sync.masked_fill(moved, FAR),
        served_from_slot=served_from,
    )
    return fresh, counts
