"""Computes what a decision on PRBs does to radio links, blocks and queues: one carrier, C cells, B drops.

A slot runs ``observe -> (a scheduler decides) -> step``. The engine keeps queues, retransmissions, arrivals, delays and
serving cells. What is received is computed by its radio (:mod:`mac.engine.radio`), and in which form a slot is computed
is its backend (:mod:`mac.engine.backends`); both are chosen once, when it is built. What a block of slots needs
(responses, arrivals, random numbers) is prepared for the block at once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from phy.random import uniform

from ..handover import a3
from ..link_adaptation import harq
from ..link_adaptation.report_slots import ReportSlots
from ..traffic.queue_delay import DelayLedger, DelayReport
from .backends import choice
from .cell_change import hand_over, with_handovers
from .radio.choice import radio_of
from .radio.radio import Radio
from .serving_schedule import ServingSchedule, roster
from .slot_series import SlotSeries
from .state import (
    COUNTERS,
    CellState,
    EngineParts,
    Report,
    ServingCells,
    SeveralSlots,
    SlotBlock,
    SlotDecision,
    SlotInputs,
    SlotObservation,
    SlotOutcome,
)


class Engine:
    """Computes slots; it holds what is constant over a run, and what changes is in :class:`CellState`.

    Args:
        parts: of which it is made.
        radio: what is received how; left out, the one that direction and antennas of the parts ask for.
    """

    def __init__(self, parts: EngineParts, radio: Radio[Any] | None = None) -> None:
        self.parts, self.radio = parts, radio or radio_of(parts)
        self.shape, self.cells, self.prbs = parts.shape, parts.cells, parts.prbs
        self.dtype, self.device = parts.dtype, parts.device
        self.users_per_prb = self.radio.users_per_prb
        self._series = SlotSeries.of(parts)
        self._plan = parts.serving_plan and ServingSchedule(parts.serving_plan, self.cells, self.device)
        self._first = self._first_cells()
        self.roster = self._first.roster
        handovers = (*a3.COUNTERS, a3.UNSERVED) if self._plan else ()
        self.counters = (*COUNTERS, *self.radio.counters, *handovers)
        users = parts.users
        self.slice_id = users.slice_id.to(self.device).expand(self.shape).contiguous()
        self.endless_bytes = parts.endless_bytes()
        self.saturated = parts.keeps_full_buffers and not self.radio.limits_need
        self._report_slots = ReportSlots(parts.link, self.shape[1], self.device)
        budget = users.delay_budget_s.to(self.device).expand(self.shape)
        self.delay_budget_s = budget.to(self.dtype)
        self._budget_slots = (budget / parts.carrier.slot_s + 1e-9).clamp(max=2.0**40).floor().long()
        self._zero = torch.zeros(self.shape, dtype=torch.float64, device=self.device)
        self._luck_keys = parts.drops.keys("decoding").to(self.device)
        name = parts.backend or choice.choose(self.device, self.radio.is_compiled)
        self.backend = choice.make(name, parts, self.radio)

    def start(self) -> CellState:
        """Returns the state of slot 0: first arrivals queued, first reports measured with every cell at full load."""
        block = self._prepare(0)
        ledger = None
        if self.parts.arrivals is not None and block.arrivals is not None:
            ledger = DelayLedger.start(self.parts.arrivals, self.shape, self.parts.block_slots, block.arrivals)
        first = self.backend.first_report(self._moment(0, block, self._first.serving))
        state = CellState(
            slot=0,
            waiting_bytes=self.endless_bytes,
            admitted_bytes=self._zero,
            sent_bytes=self._zero,
            harq=harq.start(self.shape, self.parts.harq, self.device),
            outer_loop_db=self._zero.to(self.dtype),
            reports=(first,) * self.parts.link.report_delay_slots,
            served_bits=self._zero,
            arrived=torch.zeros((2, *self.shape), dtype=torch.float64, device=self.device),
            ledger=ledger,
            block=block,
            attached=self._first,
        )
        return self._admit(state)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Returns the engine itself, in which nothing changes."""
        return self

    def observe(self, state: CellState) -> SlotObservation:
        """Returns what a base station knows at the start of the slot."""
        sharing = self.radio.sharing(state)
        return SlotObservation(
            slot=state.slot,
            attached=state.attached,
            report=self._report_in_use(state),
            backlog_bits=state.waiting_bytes * 8.0,
            need_prbs=self.backend.need(state),
            retransmits=state.harq.retransmits,
            served_bits=state.served_bits,
            head_of_line=partial(self.oldest_s, state),
            sinr=None if sharing is None else sharing.sinr,
            similarity=None if sharing is None else sharing.similarity,
        )

    def step(self, state: CellState, decision: SlotDecision, need_prbs: Tensor) -> tuple[CellState, SlotOutcome]:
        """Transmits one slot.

        Args:
            state: as the decision's maker observed it.
            decision: which UE holds each PRB; checked beforehand (:mod:`mac.scheduling.feasible`).
            need_prbs: as observed in this slot; counted as requested.
        """
        moment = self._moment(state.slot, state.block, state.attached.serving)
        carried = self.backend.carry_out(state, self.radio.holders(decision), need_prbs, moment)
        counters = carried.counters
        series = None if self._series is None else self._series.read(state, carried)
        if self._plan:
            counters = with_handovers(counters, state.slot, self._plan, self.radio.several_cells)
        state = state.later(
            slot=state.slot + 1,
            waiting_bytes=carried.waiting_bytes,
            sent_bytes=carried.sent_bytes,
            harq=carried.harq,
            outer_loop_db=carried.outer_loop_db,
            reports=(*state.reports[1:], carried.report or state.reports[-1]),
            served_bits=carried.served_bits,
        )
        state, delays = self._advance(state)
        return state, SlotOutcome(counters, carried.active_prbs, delays, series)

    def in_place(self, state: CellState, most: int) -> SeveralSlots | None:
        """Returns slots to come of a state, at most ``most``, that can be computed in place; None where there are none.

        They end where something is prepared anew for the slots to come.
        """
        if self._series is not None or self.parts.arrivals is not None:
            return None
        block, step = state.block, state.slot - state.block.first_slot
        slots = min(most, self.parts.block_slots - step, self.radio.slots_at_once - step % self.radio.slots_at_once)
        return self.backend.in_place(state, slots, lambda slot: self._moment(slot, block, state.attached.serving))

    def after(self, state: CellState, done: SeveralSlots) -> tuple[CellState, SlotOutcome]:
        """Returns the state after slots that were computed in place, and the sums of their outcomes.

        Args:
            state: before them.
            done: all of them computed.
        """
        carried, reports = done.result()
        state = state.later(
            slot=state.slot + done.slots,
            waiting_bytes=carried.waiting_bytes,
            sent_bytes=carried.sent_bytes,
            harq=carried.harq,
            outer_loop_db=carried.outer_loop_db,
            reports=reports,
            served_bits=carried.served_bits,
        )
        state, _ = self._advance(state)
        each = carried.active_prbs
        return state, SlotOutcome(carried.counters, each.sum(0), None, each_active_prbs=each)

    def backlog_bits(self, state: CellState) -> Tensor:
        """Computes the bits that wait for a first transmission or a repetition, ``[B, U]``."""
        return 8 * (state.waiting_bytes - self.endless_bytes + harq.in_flight_bytes(state.harq))

    def oldest_s(self, state: CellState) -> Tensor:
        """Computes the age of the oldest byte not yet sent, ``[B, U]`` in s; 0 where none waits."""
        if state.ledger is None:
            return self._zero.to(self.dtype)
        slots = state.ledger.age(state.sent_bytes)
        waits = (state.waiting_bytes > 0) & (self.endless_bytes == 0)
        return (slots * waits).to(self.dtype) * self.parts.carrier.slot_s

    def _first_cells(self) -> ServingCells:
        """Returns the serving cells of slot 0."""
        if self._plan:
            return self._plan.attached(0)
        serving = self.parts.channel.serving
        return ServingCells(serving, roster(serving, self.cells), None)

    def _moment(self, slot: int, block: SlotBlock, serving: Tensor) -> SlotInputs[Any]:
        step = slot - block.first_slot
        return SlotInputs(
            slot=slot,
            time=block.time[step],
            draws=block.draws[step],
            response=block.response.at(slot),
            serving=serving,
            measured=self._report_slots.measured(slot),
            due=self._report_slots.due(slot),
        )

    def _report_in_use(self, state: CellState) -> Report:
        """Returns the reports in use; those of UEs that no cell serves are empty."""
        report, served_from_slot = state.reports[0], state.attached.served_from_slot
        if served_from_slot is None:
            return report
        here = served_from_slot <= state.slot
        return Report(report.bits * here[..., None], report.mean_bits * here)

    def _advance(self, state: CellState) -> tuple[CellState, DelayReport | None]:
        """Ends the slot, fetches a new block where one ends, and admits the arrivals of the next slot."""
        ends, delays, ledger = state.slot - state.block.first_slot == self.parts.block_slots, None, state.ledger
        if ledger is not None:
            ledger = ledger.resolve(state.sent_bytes - harq.in_flight_bytes(state.harq))
        if ends:
            state = state.later(block=self._prepare(state.slot))
            if ledger is not None and state.block.arrivals is not None:
                ledger, delays = ledger.close(self.parts.carrier.slot_s, self._budget_slots, state.block.arrivals)
        elif (state.slot - state.block.first_slot) % self.radio.slots_at_once == 0:
            state = self._renewed(state)
        state = state.later(ledger=ledger)
        if self._plan:
            state = self._hand_over(state, self._plan)
        return self._admit(state), delays

    def _hand_over(self, state: CellState, plan: ServingSchedule) -> CellState:
        """Moves UEs to their new cells, and renews the response where it is of the serving cells."""
        state = hand_over(state, plan, self.radio.forget, self.radio.several_cells)
        if self.radio.follows_serving and plan.measures(state.slot) and state.block.response.first_slot != state.slot:
            state = self._renewed(state)
        return state

    def _renewed(self, state: CellState) -> CellState:
        return state.later(block=replace(state.block, response=self.radio.respond(state.slot)))

    def _admit(self, state: CellState) -> CellState:
        """Adds to the queues what arrives in the slot; what does not fit is dropped."""
        if state.block.arrivals is None:
            return state
        bytes_ = state.block.arrivals[state.slot - state.block.first_slot, 0]
        room = (self.parts.users.queue_bytes - state.waiting_bytes).clamp_(min=0)
        admitted = torch.minimum(bytes_, room)
        total = state.admitted_bytes + admitted
        return state.later(
            waiting_bytes=state.waiting_bytes + admitted,
            admitted_bytes=total,
            arrived=torch.stack((bytes_, bytes_ - admitted)),
            ledger=state.ledger and state.ledger.admit(total),
        )

    def _prepare(self, first_slot: int) -> SlotBlock:
        """Computes what the slots of a block need: responses, random numbers, arrivals."""
        slots, users = self.parts.block_slots, self.shape[1]
        draws = uniform(self._luck_keys, (slots, users), start=first_slot * users).transpose(0, 1)
        time = torch.arange(first_slot, first_slot + slots, dtype=torch.float64, device=self.device)
        arrivals = None
        if self.parts.arrivals is not None:
            of_block = (self.parts.arrivals.block, self.parts.arrivals.counts)
            both = torch.stack([read(first_slot, slots, users) for read in of_block])
            arrivals = both.permute(3, 0, 1, 2).to(self.device, torch.float64).contiguous()
        return SlotBlock(first_slot, self.radio.respond(first_slot), draws.contiguous(), time, arrivals)
