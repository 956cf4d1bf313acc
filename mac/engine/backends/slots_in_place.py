"""Computes several slots of a state at full load in one call of a compiled loop, which decides them, too.

The slots change arrays of their own, copied from the state at their start; the state after them is made at their end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phy.link.sinr_numba import SinrAndReports

from ...link_adaptation.harq import HarqState
from ..state import COUNTERS, CellState, Report, SlotInputs, SlotResult
from .numba_in_place import InPlace, KnownSlots
from .numba_kernels import SERVED, NextState, Queues, Reported, Sending, decode

Hear = Callable[[range, SlotInputs[Any], np.ndarray, SinrAndReports], None]
"""Computes SINR and reports of some drops in a slot at the activity of each PRB."""


@dataclass(frozen=True)
class SlotsInPlace:
    """Holds T slots to come of a state.

    A compiled loop computes drop after drop by the functions of :mod:`mac.engine.backends.numba_in_place`; where a drop
    leaves a PRB idle, it asks for :meth:`receive`.
    """

    known: KnownSlots
    own: InPlace
    slots: int
    serving: np.ndarray  # [B, U]
    roster: np.ndarray  # [B, C, M]
    moment: Callable[[int], SlotInputs[Any]]  # of a slot
    hear: Hear

    @property
    def user(self) -> np.ndarray:
        """Returns the holder of each PRB in the slot computed last, ``[B, C, K]``."""
        return self.own.user

    def receive(self, drop: int, step: int) -> None:
        """Computes what a drop receives that is not at full load, from what it transmits."""
        known, own = self.known, self.own
        moment, (_, users, prbs) = self.moment(known.first_slot + step), own.report.bits.shape
        shape, kind = (len(own.user), users, prbs), own.report.bits.dtype
        heard = SinrAndReports(np.empty(shape, kind), np.empty(shape, kind), np.empty(shape[:2], kind))
        rows = range(drop, drop + 1)
        self.hear(rows, moment, own.sending.activity, heard)
        due, number = _due(known, moment.slot)
        own.pending.bits[number, drop, due] = heard.bits[drop, due]
        own.pending.mean_bits[number, drop, due] = heard.mean_bits[drop, due]
        given = own.user, heard.sinr[:, :, None], 0, known.draws[known.step + step], own.after.need, float(moment.slot)
        decode(drop, drop + 1, *given, own.queues, own.sending, known.tables, known.rules, own.after)

    def result(self) -> tuple[SlotResult, tuple[Report, ...]]:
        """Returns the state after the slots, with counters and PRBs in use of all of them, and the reports."""
        after = self.own.after
        served = torch.from_numpy(after.counters[SERVED].copy())
        made = SlotResult(
            waiting_bytes=torch.from_numpy(after.waiting),
            sent_bytes=torch.from_numpy(after.sent),
            harq=HarqState(*map(torch.from_numpy, after[3:8])),
            outer_loop_db=torch.from_numpy(after.outer_loop_db),
            served_bits=served,
            report=None,
            counters=torch.from_numpy(self.own.totals),
            active_prbs=torch.from_numpy(self.own.active_prbs),
        )
        return made, tuple(self._reports())

    def _reports(self) -> list[Report]:
        """Returns the reports on their way after the slots, the one in use first."""
        known, pending = self.known, self.own.pending
        found = [Report(*map(torch.from_numpy, self.own.report))]
        for slot in range(known.first_slot + self.slots - known.delay + 1, known.first_slot + self.slots):
            due, number = _due(known, slot)
            new = Reported(pending.bits[number], pending.mean_bits[number])
            if due.all():
                found.append(Report(*map(torch.from_numpy, new)))
            else:
                found.append(_changed(found[-1], due, new) if due.any() else found[-1])
        return found


def memory_in_place(state: CellState, endless: np.ndarray, due: np.ndarray, slots: int, cells: int) -> InPlace:
    """Copies what slots change of a state.

    Args:
        state: before the slots.
        endless: ``[B, U]`` bytes that always wait.
        due: ``[period, U]`` bool, UEs that report in each slot of the period.
        slots: T.
        cells: C.
    """
    report, pending = _copied_reports(state, due)
    batch, users, prbs = report.bits.shape
    shape, kind, harq = (batch, users), report.bits.dtype, state.harq
    after = NextState(
        waiting=_copy(state.waiting_bytes),
        sent=_copy(state.sent_bytes),
        outer_loop_db=_copy(state.outer_loop_db),
        blocks=_copy(harq.blocks),
        process=_copy(harq.process),
        usable=_copy(harq.usable),
        retransmits=_copy(harq.retransmits),
        current=_copy(harq.current),
        counters=np.zeros((len(COUNTERS), *shape)),
        need=np.empty(shape),
    )
    after.counters[SERVED] = state.served_bits.numpy()
    before = after.waiting, after.sent, endless, after.outer_loop_db, state.arrived.numpy(), after.blocks
    return InPlace(
        user=np.empty((batch, cells, prbs), np.int64),
        report=report,
        pending=pending,
        queues=Queues(*before, after.process, after.usable, after.retransmits),
        sending=sending_memory(shape, (batch, cells), prbs, kind),
        after=after,
        totals=np.zeros_like(after.counters),
        active_prbs=np.empty((slots, batch, cells)),
    )


def sending_memory(shape: tuple[int, int], per_cell: tuple[int, int], prbs: int, kind: np.dtype[Any]) -> Sending:
    """Allocates arrays for what each UE transmits.

    Args:
        shape: B and U.
        per_cell: B and C.
        prbs: K.
        kind: of powers.
    """
    return Sending(
        prbs=np.empty(shape, kind),
        coded_prbs=np.empty(shape),
        mcs=np.empty(shape, np.int64),
        payload=np.empty(shape),
        activity=np.empty((*per_cell, prbs), kind),
        active_prbs=np.empty(per_cell),
    )


def _copied_reports(state: CellState, due: np.ndarray) -> tuple[Reported, Reported]:
    """Copies the report in use, and those on their way: the rows of the UEs that measured them."""
    delay, period = len(state.reports), len(due)
    report = Reported(_copy(state.reports[0].bits), _copy(state.reports[0].mean_bits))
    numbers = math.ceil(delay / period)
    pending = Reported(*(np.empty((numbers, *array.shape), array.dtype) for array in report))
    for n in range(1, delay):
        slot = state.slot - delay + n
        own, number = due[slot % period], (slot // period) % numbers
        pending.bits[number][:, own] = state.reports[n].bits.numpy()[:, own]
        pending.mean_bits[number][:, own] = state.reports[n].mean_bits.numpy()[:, own]
    return report, pending


def _changed(report: Report, due: np.ndarray, new: Reported) -> Report:
    """Returns a report with the rows of the UEs that are due."""
    after = Report(report.bits.clone(), report.mean_bits.clone())
    after.bits.numpy()[:, due], after.mean_bits.numpy()[:, due] = new.bits[:, due], new.mean_bits[:, due]
    return after


def _due(known: KnownSlots, slot: int) -> tuple[np.ndarray, int]:
    """Returns which UEs report in a slot, and where these reports stand among those on their way."""
    period = len(known.due)
    return known.due[slot % period], (slot // period) % math.ceil(known.delay / period)


def _copy(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.contiguous().numpy().copy()
    return array
