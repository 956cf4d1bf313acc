"""Computes the outcomes that all families of a cellular carrier report."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from phy.power_consumption import PowerSettings, energy_j

from ..core.contracts import ArraySpec, Extra, Outcome, SlotTotals
from ..handover import a3
from ..traffic.queue_delay import BIN_EDGES_S, DelayReport
from . import slot_series, uplink_power
from .engine import Engine
from .state import COUNTERS, CellState, SlotOutcome

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "dropped_bits": ArraySpec(("user",), "bit", "sum", "bits that found the queue full"),
    "lost_bits": ArraySpec(("user",), "bit", "sum", "bits that HARQ gave up"),
    "granted_prbs": ArraySpec(("user",), "PRB", "sum", "PRBs granted, summed over slots"),
    "requested_prbs": ArraySpec(("user",), "PRB", "sum", "PRBs that would have emptied the queue, summed over slots"),
    "first_tx": ArraySpec(("user",), "1", "sum", "first transmissions of a block"),
    "first_nack": ArraySpec(("user",), "1", "sum", "first transmissions that were not decoded"),
    "late_packets": ArraySpec(("user",), "1", "sum", "packets completed after the user's delay budget"),
    "backlog_bits": ArraySpec(("user",), "bit", "last", "bits waiting or in flight at the window's end"),
    "oldest_s": ArraySpec(("user",), "s", "last", "age of the oldest waiting byte at the window's end"),
    "used_prbs": ArraySpec(("cell",), "PRB", "sum", "PRBs that carried data, summed over slots"),
    "repairs": ArraySpec((), "1", "sum", "claims of the allocator that were taken back"),
    "delay_packets": ArraySpec(("user", "delay_bin"), "1", "total", "packets by delay"),
}
_SERVED, _DEMAND = COUNTERS.index("served_bits"), COUNTERS.index("demand_bits")
_NONE: frozenset[str] = frozenset()
_OF_DELAYS = frozenset(("packets", "delay_s", "late_packets", "delay_packets"))


def array_specs_of(engine: Engine) -> Mapping[str, ArraySpec]:
    """Returns the extras of a carrier's outcomes; those of handovers and of an uplink where there are any."""
    parts = engine.parts
    more = (
        ({} if parts.serving_plan is None else a3.ARRAY_SPECS),
        ({} if parts.uplink is None else uplink_power.ARRAY_SPECS),
        (slot_series.ARRAY_SPECS if parts.recorded_users else {}),
    )
    return {**ARRAY_SPECS, **more[0], **more[1], **more[2]}


class OutcomeBuilder:
    """Adds up slots into the outcome of an interval."""

    def __init__(self, engine: Engine, power: PowerSettings) -> None:
        self.engine, self.power = engine, power
        batch, users = engine.shape
        zero = torch.zeros((batch, users), dtype=torch.float64, device=engine.device)
        bins = torch.zeros((batch, users, len(BIN_EDGES_S)), dtype=torch.float64, device=engine.device)
        cell = torch.tensor([0.0, 1.0 / engine.prbs], dtype=torch.float64)  # idle, and with one PRB in use
        idle, busy = energy_j(power, cell, engine.parts.carrier.load_power_w, engine.parts.carrier.slot_s).tolist()
        self._idle_j, self._joule_a_prb = idle * engine.cells, busy - idle
        self.no_delays = DelayReport(zero, zero, zero, bins)

    def outcome(self, state: CellState, slot: SlotOutcome, slots: int, more: Mapping[str, Extra]) -> Outcome:
        """Computes the outcome of ``slots`` slots that ended in ``state``.

        Args:
            state: the cells after the last of them.
            slot: summed over the slots, with the delays of the blocks that ended within them.
            slots: how many there were; where each is an interval of its own, the outcome is of as many intervals.
            more: extras of the family.
        """
        engine, counters = self.engine, slot.counters
        report = slot.delays or self.no_delays
        extras: dict[str, Extra] = {
            **more,
            "late_packets": report.late,
            "backlog_bits": lambda: engine.backlog_bits(state),
            "oldest_s": lambda: engine.oldest_s(state),
            "used_prbs": slot.active_prbs,
            "delay_packets": report.bins,
        }
        if slot.series is not None:
            extras |= slot_series.extras(slot.series)
        each = None if slot.each_active_prbs is None else self._energy_j(slot.each_active_prbs, 1)
        return Outcome(
            served_bits=counters[_SERVED],
            demand_bits=counters[_DEMAND],
            packets=report.packets,
            delay_s=report.delay_s,
            energy_j=self._energy_j(slot.active_prbs, slots),
            extras=extras,
            totals=SlotTotals(engine.counters, counters, _OF_DELAYS if slot.delays is None else _NONE),
            each={} if each is None else {"energy_j": each},
            intervals=1 if each is None else slots,
        )

    def _energy_j(self, active_prbs: Tensor, slots: int) -> Tensor:
        """Computes the energy of all cells, float64 ``[..., B]``, from the PRBs in use ``[..., B, C]``."""
        carrier = self.engine.parts.carrier
        if self.power.sleeps:
            share, duration_s = active_prbs / (carrier.prbs * slots), slots * carrier.slot_s
            return energy_j(self.power, share, carrier.load_power_w, duration_s).sum(-1).to(torch.float64)
        return active_prbs.sum(-1).mul_(self._joule_a_prb).add_(slots * self._idle_j)


def add_reports(total: DelayReport | None, more: DelayReport | None) -> DelayReport | None:
    """Adds two reports, either of which may be missing."""
    if total is None or more is None:
        return total or more
    return DelayReport(
        total.packets + more.packets, total.delay_s + more.delay_s, total.late + more.late, total.bins + more.bins
    )
