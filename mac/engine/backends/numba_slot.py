"""Computes a slot of a downlink with single antennas in compiled loops, as the torch form does.

The torch form is :class:`mac.engine.backends.torch_slot.TorchSlot`.

The engine asks for it on a CPU. Products of matrices stay torch's; everything else of a slot is three passes over
arrays that fit a cache, instead of two hundred calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from phy.link.response import Response
from phy.link.sinr_numba import CellLinks, SinrAndReports, sinr
from phy.numerics.jit import BackendName
from phy.numerics.threads import share_out

from ...link_adaptation.harq import HarqState
from ..radio.radio import Radio
from ..radio.siso_downlink import SisoDownlink
from ..state import COUNTERS, CellState, EngineParts, Report, SlotInputs, SlotResult
from . import numba_kernels as slots


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
        self._parts, self._radio, self._endless_bytes = parts, radio, parts.endless_bytes()
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
        self._faded = radio.fading.dominant
        all_cells = torch.arange(parts.cells).expand(batch, users, -1)
        self._cell = (all_cells if self._faded is None else self._faded.cell).contiguous().numpy()
        self._no_rest = np.empty((batch, 0, parts.prbs), self._kind)
        rest_users = 0 if self._faded is None else users
        self._rest_of_all = torch.empty((batch, rest_users, parts.prbs), dtype=parts.dtype)  # of one slot alone

    def first_report(self, moment: SlotInputs[Response]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""
        heard, (batch, _) = self._heard(), self._parts.shape
        activity = np.ones((batch, self._parts.cells, self._parts.prbs), self._kind)
        share_out(
            lambda drops: self._hear(drops, moment, activity, heard), batch, self._cell[0].size * self._parts.prbs
        )
        return self._report(heard)

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        need, queue, prbs = np.empty(self._parts.shape), state.harq, self._parts.prbs
        known = state.waiting_bytes, state.reports[0].mean_bits, queue.usable, queue.retransmits, queue.current
        slots.need(prbs, *(tensor.contiguous().numpy() for tensor in known), need)
        return torch.from_numpy(need)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Response]) -> SlotResult:
        """Transmits what was decided; threads share the drops, each of which one thread computes from start to end."""
        queues, heard = _queues(state, self._endless_bytes), self._heard()
        inputs = user.contiguous().numpy(), state.reports[0].bits.numpy(), need_prbs.numpy()
        sending, after = self._sending(), self._after(queues)

        def some(drops: range) -> None:
            slots.send(drops.start, drops.stop, *inputs[:2], queues, self._tables, sending)
            self._hear(drops, moment, sending.activity, heard)
            self._decode(drops, moment, inputs, (queues, sending, heard), after)

        share_out(some, len(user), self._cell[0].size * self._parts.prbs)
        waiting, sent, outer_loop_db, *queue, served, counters = map(torch.from_numpy, after)
        return SlotResult(
            waiting_bytes=waiting,
            sent_bytes=sent,
            harq=HarqState(*queue),
            outer_loop_db=outer_loop_db,
            served_bits=served,
            report=self._report(heard) if moment.measured else None,
            counters=counters,
            active_prbs=torch.from_numpy(sending.active_prbs),
        )

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

    def _decode(
        self,
        drops: range,
        moment: SlotInputs[Response],
        inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
        so_far: tuple[slots.Queues, slots.Sending, SinrAndReports],
        after: slots.NextState,
    ) -> None:
        (user, _, need), (queues, sending, heard) = inputs, so_far
        draws, time, sinr = moment.draws.numpy(), float(moment.slot), heard.sinr
        about = queues, sending, self._tables, self._rules
        slots.decode(drops.start, drops.stop, user, sinr, draws, need, time, *about, after)

    def _report(self, heard: SinrAndReports) -> Report:
        if self._parts.tables.adaptation.subband_prbs > 1:
            return self._radio.report(torch.from_numpy(heard.sinr))
        return Report(torch.from_numpy(heard.bits), torch.from_numpy(heard.mean_bits))

    def _heard(self) -> SinrAndReports:
        shape, kind = (*self._parts.shape, self._parts.prbs), self._kind
        return SinrAndReports(np.empty(shape, kind), np.empty(shape, kind), np.empty(shape[:2], kind))

    def _sending(self) -> slots.Sending:
        shape, kind = self._parts.shape, self._kind
        per_prb = shape[0], self._parts.cells, self._parts.prbs
        return slots.Sending(
            prbs=np.empty(shape, kind),
            coded_prbs=np.empty(shape),
            mcs=np.empty(shape, np.int64),
            payload=np.empty(shape),
            activity=np.empty(per_prb, kind),
            active_prbs=np.empty(per_prb[:2]),
        )

    def _after(self, queues: slots.Queues) -> slots.NextState:
        shape = self._parts.shape
        return slots.NextState(
            waiting=np.empty(shape),
            sent=np.empty(shape),
            outer_loop_db=np.empty(shape, self._kind),
            blocks=np.empty_like(queues.blocks),
            process=np.empty(shape, np.int64),
            usable=np.empty(shape, np.bool_),
            retransmits=np.empty(shape, np.bool_),
            current=np.empty((*shape, 6)),
            served=np.empty(shape),
            counters=np.empty((len(COUNTERS), *shape)),
        )


def _queues(state: CellState, endless_bytes: Tensor) -> slots.Queues:
    queue = state.harq
    tensors = (
        state.waiting_bytes,
        state.sent_bytes,
        endless_bytes,
        state.outer_loop_db,
        state.arrived,
        queue.blocks,
        queue.process,
        queue.usable,
        queue.retransmits,
    )
    return slots.Queues(*(tensor.numpy() for tensor in tensors))
