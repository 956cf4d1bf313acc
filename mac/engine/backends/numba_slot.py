"""Computes a slot of a downlink with single antennas in compiled loops, as the torch form does.

The torch form is :class:`mac.engine.backends.torch_slot.TorchSlot`.

The engine asks for it on a CPU. Products of matrices stay torch's; everything else of a slot is three passes over
arrays that fit a cache, instead of two hundred calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from phy.link.response import Response
from phy.link.sinr_numba import CellLinks, SinrAndReports, sinr
from phy.numerics.jit import BackendName
from phy.numerics.threads import share_out

from ...link_adaptation.report_slots import ReportSlots
from ..radio.radio import Radio
from ..radio.siso_downlink import SisoDownlink
from ..state import CellState, EngineParts, Report, SlotInputs, SlotResult
from . import numba_kernels as slots
from .full_load import FullLoadWindow
from .numba_full_load import slot_at_full_load
from .numba_in_place import KnownSlots
from .slot_arrays import SlotArrays
from .slots_in_place import SlotsInPlace, memory_in_place

_NONE = np.empty(0, np.bool_)


class _Slot(NamedTuple):
    """Holds the arrays of a slot, by :mod:`mac.engine.backends.numba_kernels`."""

    user: np.ndarray  # [B, C, K]
    bits: np.ndarray  # [B, U, K] of the report in use
    need: np.ndarray  # [B, U]
    draws: np.ndarray  # [B, U]
    time: float
    queues: slots.Queues
    due: np.ndarray  # [U] bool, UEs that report; no rows where none does
    old: slots.Reported
    next_mean_bits: np.ndarray  # [B, U]
    sending: slots.Sending
    heard: SinrAndReports
    after: slots.NextState
    full: np.ndarray  # [B] bool, whether the drop is at full load


class CompiledSlot:
    """Computes slots in compiled loops, with the tables and rules of an engine.

    Args:
        parts: of the engine.
        radio: of the engine.

    Raises:
        ValueError: the radio is another than a downlink with single antennas.
    """

    name: BackendName = "numba"

    def __init__(self, parts: EngineParts, radio: Radio[Any]) -> None:
        if not isinstance(radio, SisoDownlink):
            raise ValueError(f"loops compute a downlink with single antennas, not {type(radio).__name__}; use torch")
        self._parts, self._radio, self._arrays = parts, radio, SlotArrays(parts)
        tables, adaptation = parts.tables, parts.tables.adaptation
        self._tables = slots.Tables(
            sinr_db_of_bits=adaptation.sinr_db_of_bits.numpy(),
            threshold_db=adaptation.threshold_db.numpy(),
            block_bytes=tables.block_bytes.numpy(),
            code_blocks=tables.code_blocks.numpy(),
            bler_row=tables.bler_row.numpy(),
            bler_curves=tables.bler_curves.numpy(),
            forward=tables.mapping.forward.contiguous().numpy(),
            backward=tables.mapping.backward.contiguous().numpy(),
        )
        self._kind = tables.bler_curves.numpy().dtype
        self._bits_of_sinr = adaptation.bits_of_sinr.numpy()
        down = parts.link.outer_loop_step_db
        up = down * parts.link.bler_target / (1 - parts.link.bler_target)
        self._rules = slots.Rules(
            max_attempts=float(parts.harq.max_attempts),
            round_trip_slots=float(parts.harq.round_trip_slots),
            step_up_db=up,
            step_change_db=-up - down,
            limit_db=parts.link.outer_loop_limit_db,
        )
        batch, users = parts.shape
        self._full_load = FullLoadWindow.of(parts)
        self.window_slots = 1 if self._full_load is None else self._full_load.slots
        self._all_users = np.ones(users, np.bool_)
        self._due = ReportSlots(parts.link, users, parts.device).table.numpy()
        self._endless_bytes = parts.endless_bytes().numpy()
        self._faded = radio.fading.dominant
        all_cells = torch.arange(parts.cells).expand(batch, users, -1)
        self._cell = (all_cells if self._faded is None else self._faded.cell).contiguous().numpy()
        self._no_rest = np.empty((batch, 0, parts.prbs), self._kind)
        rest_users = 0 if self._faded is None else users
        self._rest_of_all = torch.empty((batch, rest_users, parts.prbs), dtype=parts.dtype)  # of one slot alone

    def first_report(self, moment: SlotInputs[Response]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""
        heard, (batch, _) = self._arrays.heard(), self._parts.shape
        activity = np.ones((batch, self._parts.cells, self._parts.prbs), self._kind)
        known = self._known_at_start(moment.slot, heard.sinr)

        def some(drops: range) -> None:
            for b in drops:
                if not known[b]:
                    self._hear(range(b, b + 1), moment, activity, heard)

        share_out(some, batch, self._cell[0].size * self._parts.prbs)
        return self._radio.report(torch.from_numpy(heard.sinr))

    def _known_at_start(self, slot: int, sinr: np.ndarray) -> np.ndarray:
        """Writes the SINR where it is known, of drops in which each cell serves a UE; returns these, bool ``[B]``."""
        if self._full_load is None:
            return np.zeros(len(sinr), np.bool_)
        self._full_load.clear()
        several, place = self._full_load.sinr(slot)
        every = np.asarray((self._full_load.prbs > 0).all(1))
        sinr[every] = several[every, :, place]
        return every

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        made = self._arrays.need(state)
        if made is not None:
            return made
        need, queue, prbs = np.empty(self._parts.shape), state.harq, self._parts.prbs
        known = state.waiting_bytes, state.reports[0].mean_bits, queue.usable, queue.retransmits, queue.current
        slots.need(prbs, *(tensor.contiguous().numpy() for tensor in known), need)
        return torch.from_numpy(need)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Response]) -> SlotResult:
        """Transmits what was decided; threads share the drops, each of which one thread computes from start to end."""
        slot = self._slot(state, user, need_prbs, moment)
        full_load = None if self._full_load is None else self._full_load.sinr(moment.slot)

        def some(drops: range) -> None:
            if full_load is None:
                slots.send(drops.start, drops.stop, slot.user, slot.bits, slot.queues, self._tables, slot.sending)
                self._general(drops, moment, slot)
                return
            self._at_full_load(drops, slot, *full_load)
            for b in drops:
                if not slot.full[b]:
                    self._general(range(b, b + 1), moment, slot)

        share_out(some, len(user), self._cell[0].size * self._parts.prbs)
        report = self._report(slot, state.reports[-1], moment, full_load) if moment.measured else None
        coming = state.reports[min(1, len(state.reports) - 1)].mean_bits
        known = full_load is not None and len(state.reports) > 1 and bool(slot.full.all())
        return self._arrays.result(slot.after, slot.sending.active_prbs, report, coming if known else None)

    def in_place(
        self, state: CellState, slots: int, moment: Callable[[int], SlotInputs[Response]]
    ) -> SlotsInPlace | None:
        """Returns slots to come that can be computed in place: those of a window at full load, with a CQI a PRB."""
        if self._full_load is None or self._parts.tables.adaptation.subband_prbs != 1:
            return None
        sinr, place = self._full_load.window(state.slot)
        slots = min(slots, self._full_load.slots - place)
        known = KnownSlots(
            first_slot=state.slot,
            sinr=sinr,
            place=place,
            full_prbs=self._full_load.prbs,
            draws=state.block.draws.numpy(),
            step=state.slot - state.block.first_slot,
            due=self._due,
            delay=len(state.reports),
            bits_of_sinr=self._bits_of_sinr,
            tables=self._tables,
            rules=self._rules,
        )
        own = memory_in_place(state, self._endless_bytes, self._due, slots, self._parts.cells)
        own.after.need[:] = self.need(state).numpy()
        serving, roster = state.attached.serving.contiguous().numpy(), state.attached.roster.contiguous().numpy()
        return SlotsInPlace(known, own, slots, serving, roster, moment, self._hear)

    def _slot(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Response]) -> _Slot:
        """Collects what a slot's loops read and write."""
        arrays, old = self._arrays, state.reports[-1]
        queues = arrays.queues(state)
        due = moment.due.numpy() if moment.due is not None else self._all_users if moment.measured else _NONE
        return _Slot(
            user=user.contiguous().numpy(),
            bits=state.reports[0].bits.numpy(),
            need=need_prbs.numpy(),
            draws=moment.draws.numpy(),
            time=float(moment.slot),
            queues=queues,
            due=due,
            old=slots.Reported(old.bits.numpy(), old.mean_bits.numpy()),
            next_mean_bits=state.reports[min(1, len(state.reports) - 1)].mean_bits.numpy(),
            sending=arrays.sending(),
            heard=arrays.heard(),
            after=arrays.after(queues),
            full=np.zeros(len(user), np.bool_),
        )

    def _at_full_load(self, drops: range, slot: _Slot, sinr: np.ndarray, place: int) -> None:
        """Computes what some drops transmit, and the rest of the slot of those in which no PRB is idle."""
        assert self._full_load is not None
        given = slot.user, slot.bits, slot.need, slot.draws, slot.time, sinr, place
        about = (
            self._full_load.prbs,
            self._bits_of_sinr,
            slot.queues,
            self._tables,
            self._rules,
            slot.due,
            slot.old,
            slot.next_mean_bits,
        )
        written = slot.sending, slot.after, slots.Reported(slot.heard.bits, slot.heard.mean_bits), slot.full
        slot_at_full_load(drops.start, drops.stop, *given, *about, *written)

    def _general(self, drops: range, moment: SlotInputs[Response], slot: _Slot) -> None:
        """Computes what follows from what some drops transmit."""
        self._hear(drops, moment, slot.sending.activity, slot.heard)
        if moment.due is not None:
            report = slots.Reported(slot.heard.bits, slot.heard.mean_bits)
            slots.keep_reports(drops.start, drops.stop, slot.due, slot.old, report)
        about = slot.queues, slot.sending, self._tables, self._rules
        known = slot.user, slot.heard.sinr[:, :, None], 0, slot.draws, slot.need, slot.time
        slots.decode(drops.start, drops.stop, *known, *about, slot.after)

    def _hear(self, drops: range, moment: SlotInputs[Response], activity: np.ndarray, heard: SinrAndReports) -> None:
        """Computes SINR and reports of some drops."""
        links = CellLinks(self._cell, moment.serving.numpy(), activity, self._rest(drops, activity))
        sinr(drops, moment.response, links, self._bits_of_sinr, heard)

    def _rest(self, drops: range, activity: np.ndarray) -> np.ndarray:
        """Computes the interference of the cells that do not fade, ``[B, U, K]``, for some drops."""
        if self._faded is None:
            return self._no_rest
        own = slice(drops.start, drops.stop)
        torch.bmm(self._faded.rest_snr[own], torch.from_numpy(activity[own]), out=self._rest_of_all[own])
        array: np.ndarray = self._rest_of_all.numpy()
        return array

    def _report(
        self, slot: _Slot, old: Report, moment: SlotInputs[Response], full_load: tuple[np.ndarray, int] | None
    ) -> Report:
        """Returns the report of a slot."""
        if self._parts.tables.adaptation.subband_prbs == 1:
            return _bits_of(slot.heard)
        sinr = slot.heard.sinr
        if full_load is not None:
            several, place = full_load
            sinr[slot.full] = several[slot.full, :, place]
        return self._radio.report(torch.from_numpy(sinr)).since(old, moment.due)


def _bits_of(heard: SinrAndReports) -> Report:
    return Report(torch.from_numpy(heard.bits), torch.from_numpy(heard.mean_bits))
