"""A slot of a downlink with single antennas in compiled loops: :class:`mac.engine.Engine`'s, number for number.

The engine asks for it on a CPU. Products of matrices stay torch's; everything else of a slot is three passes over
arrays that fit a cache, instead of two hundred calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from phy.compiled_link import report, sinr
from phy.link import snr

from . import compiled_slot as slots
from .cells import COUNTERS, Carried, CellState, Moment, Report
from .harq import HarqState

if TYPE_CHECKING:
    from .engine import Engine


class CompiledSlot:
    """Compiled loops with the tables and rules of an engine."""

    def __init__(self, engine: Engine) -> None:
        parts = engine.parts
        self.engine = engine
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
        self._bits_of_sinr = adaptation.bits_of_sinr.numpy() if adaptation.subband_prbs == 1 else None
        down = parts.link.outer_loop_step_db
        up = down * parts.link.bler_target / (1 - parts.link.bler_target)
        self._rules = slots.Rules(
            max_attempts=float(parts.harq.max_attempts),
            round_trip_slots=float(parts.harq.round_trip_slots),
            step_up_db=up,
            step_change_db=-up - down,
            limit_db=parts.link.outer_loop_limit_db,
        )

        batch, users = engine.shape
        self._faded = parts.channel.fading.faded
        everyone = torch.arange(engine.cells).expand(batch, users, -1)
        self._cell = (everyone if self._faded is None else self._faded.cell).contiguous()

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: Moment) -> Carried:
        """As :meth:`mac.engine.Engine.carry_out`."""
        holder, queues = user.contiguous().numpy(), _queues(state, self.engine.endless_bytes)
        sending, after = self._sending(), self._after(queues)
        slots.send(holder, state.reports[0].bits.numpy(), queues, self._tables, sending)
        sinr = self._sinr(moment, torch.from_numpy(sending.activity))
        luck, time = moment.luck.numpy(), moment.time.view(1).numpy()
        slots.decode(
            holder, sinr.numpy(), luck, need_prbs.numpy(), time, queues, sending, self._tables, self._rules, after
        )
        tensors = {name: torch.from_numpy(array) for name, array in after._asdict().items()}
        return Carried(
            waiting_bytes=tensors["waiting"],
            sent_bytes=tensors["sent"],
            harq=HarqState(*(tensors[name] for name in ("blocks", "process", "usable", "retransmits", "current"))),
            outer_loop_db=tensors["outer_loop_db"],
            served_bits=tensors["served"],
            report=self._report(sinr) if moment.measured else None,
            counters=tensors["counters"],
            active_prbs=torch.from_numpy(sending.active_prbs),
        )

    def _sinr(self, moment: Moment, activity: Tensor) -> Tensor:
        to_prbs = self.engine.parts.channel.fading.to_prbs
        if self.engine.cells == 1:
            return snr(moment.air, to_prbs)
        rest = None if self._faded is None else self._faded.interference(activity)
        return sinr(moment.air, to_prbs, self._cell, moment.serving, activity, rest)

    def _report(self, sinr: Tensor) -> Report:
        if self._bits_of_sinr is None:
            return self.engine.measure(sinr)
        bits, mean = torch.empty_like(sinr), sinr.new_empty(sinr.shape[:2])
        report(sinr.flatten(0, 1).numpy(), self._bits_of_sinr, bits.flatten(0, 1).numpy(), mean.view(-1).numpy())
        return Report(bits, mean)

    def _sending(self) -> slots.Sending:
        shape, engine = self.engine.shape, self.engine
        kind, per_prb = self._kind, (shape[0], engine.cells, engine.prbs)
        return slots.Sending(
            prbs=np.empty(shape, kind),
            coded_prbs=np.empty(shape),
            mcs=np.empty(shape, np.int64),
            payload=np.empty(shape),
            activity=np.empty(per_prb, kind),
            active_prbs=np.empty(per_prb[:2], kind),
        )

    def _after(self, queues: slots.Queues) -> slots.Next:
        shape = self.engine.shape
        return slots.Next(
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
