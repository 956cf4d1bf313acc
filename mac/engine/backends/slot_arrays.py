"""Provides the arrays that the compiled loops of a slot read and write."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from phy.link.sinr_numba import SinrAndReports

from ...link_adaptation.harq import HarqState
from ..state import COUNTERS, CellState, EngineParts, Report, SlotResult
from .numba_kernels import SERVED, NextState, Queues, Sending
from .slots_in_place import sending_memory


class SlotArrays:
    """Makes the arrays of a slot.

    What a state may reach is new in every slot; the rest is written anew in the same memory.

    Args:
        parts: of the engine.
    """

    def __init__(self, parts: EngineParts) -> None:
        self._shape, self._kind = parts.shape, np.dtype(str(parts.dtype).removeprefix("torch."))
        self._endless_bytes = parts.endless_bytes().numpy()
        self._per_prb = *self._shape, parts.prbs
        self._per_cell = self._shape[0], parts.cells
        shape = self._shape
        self._sending = sending_memory(shape, self._per_cell, parts.prbs, self._kind)
        self._sinr = np.empty(self._per_prb, self._kind)
        self._last: tuple[SlotResult, NextState] | None = None
        self._need: tuple[Tensor, Tensor] | None = None

    def queues(self, state: CellState) -> Queues:
        """Returns the arrays of a state's queues; known already where it is the state after the slot before."""
        arrived = state.arrived.numpy()
        if self._last is not None:
            made, after = self._last
            if (
                state.harq is made.harq
                and state.waiting_bytes is made.waiting_bytes
                and state.sent_bytes is made.sent_bytes
                and state.outer_loop_db is made.outer_loop_db
            ):
                before = after.waiting, after.sent, self._endless_bytes, after.outer_loop_db, arrived
                return Queues(*before, after.blocks, after.process, after.usable, after.retransmits)
        waiting, sent, offset = (one.numpy() for one in (state.waiting_bytes, state.sent_bytes, state.outer_loop_db))
        queue = state.harq
        flags = queue.process.numpy(), queue.usable.numpy(), queue.retransmits.numpy()
        return Queues(waiting, sent, self._endless_bytes, offset, arrived, queue.blocks.numpy(), *flags)

    def sending(self) -> Sending:
        """Returns arrays for what each UE transmits, of which only ``active_prbs`` outlasts the slot."""
        return self._sending._replace(active_prbs=np.empty(self._per_cell))

    def heard(self) -> SinrAndReports:
        """Returns arrays for SINR and reports; the SINR does not outlast the slot."""
        return SinrAndReports(self._sinr, np.empty(self._per_prb, self._kind), np.empty(self._shape, self._kind))

    def after(self, queues: Queues) -> NextState:
        """Returns arrays for the state after the slot."""
        shape = self._shape
        numbers, flags = np.empty((3 + len(COUNTERS), *shape)), np.empty((2, *shape), np.bool_)
        return NextState(
            waiting=numbers[0],
            sent=numbers[1],
            outer_loop_db=np.empty(shape, self._kind),
            blocks=np.empty_like(queues.blocks),
            process=np.empty(shape, np.int64),
            usable=flags[0],
            retransmits=flags[1],
            current=np.empty((*shape, 6)),
            counters=numbers[3:],
            need=numbers[2],
        )

    def need(self, state: CellState) -> Tensor | None:
        """Returns the need of a state that was computed with it; None where none was, or where something arrived."""
        if self._last is None or self._need is None:
            return None
        (made, _), (mean_bits, need) = self._last, self._need
        same = state.harq is made.harq and state.waiting_bytes is made.waiting_bytes
        return need if same and state.reports[0].mean_bits is mean_bits else None

    def result(
        self, after: NextState, active_prbs: np.ndarray, report: Report | None, next_mean_bits: Tensor | None
    ) -> SlotResult:
        """Returns what was written as the result of the slot.

        Args:
            after: the state after the slot.
            active_prbs: ``[B, C]``.
            report: of the slot; None where no UE measured.
            next_mean_bits: ``[B, U]`` for which the need of the slot to come was written; None where it was not.
        """
        waiting, sent, outer_loop_db, *queue, counters, need = map(torch.from_numpy, after)
        made = SlotResult(
            waiting_bytes=waiting,
            sent_bytes=sent,
            harq=HarqState(*queue),
            outer_loop_db=outer_loop_db,
            served_bits=counters[SERVED],
            report=report,
            counters=counters,
            active_prbs=torch.from_numpy(active_prbs),
        )
        self._last = made, after
        self._need = None if next_mean_bits is None else (next_mean_bits, need)
        return made
