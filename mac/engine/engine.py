"""Computes what a decision on PRBs does to radio links, blocks and queues: one carrier, C cells, B drops.

A slot runs ``observe -> (a scheduler decides) -> step``. Nothing in it loops over UEs, cells or PRBs, branches on a
tensor or reads one back; what a block of slots needs (phasors, arrivals, random numbers) is prepared for the block at
once. Transcendental functions, whose last bit may depend on where in a batch a number stands, stay out of the slot:
they are tables, read by one gather. The one exception is the power in :func:`phy.link.bler.transport_bler`, in float64.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Self

import torch
from torch import Tensor

from phy.channel.matrices import HeardCells
from phy.link.bler import transport_bler
from phy.link.sinr import sinr
from phy.numerics.log_grid import gather
from phy.random import uniform

from ..handover import a3
from ..link_adaptation import harq
from ..link_adaptation.adaptation import outer_loop
from ..link_adaptation.harq import Attempt
from ..traffic.queue_delay import DelayLedger, DelayReport
from .backends import choice
from .cell_change import hand_over, with_handovers
from .fading_buffers import FadingBuffers, on_prbs, slots_at_once
from .serving_schedule import Timetable, roster
from .state import (
    COUNTERS,
    LEAST_BITS,
    Attached,
    Block,
    Carried,
    CellState,
    Grant,
    Moment,
    Parts,
    Report,
    SlotDecision,
    SlotObservation,
    SlotOutcome,
)

_ALWAYS_BYTES = 2.0**40  # what a full-buffer UE has waiting


class Engine:
    """Computes slots; it holds what is constant over a run, and what changes is in :class:`CellState`."""

    def __init__(self, parts: Parts) -> None:
        if type(self) is Engine:
            parts = on_prbs(parts)
        channel, carrier = parts.channel, parts.carrier
        self.parts, self._buffers = parts, FadingBuffers(channel)
        self.dtype, self.device = channel.mean_snr.dtype, channel.mean_snr.device
        self.shape = (len(parts.drops), channel.mean_snr.shape[1])
        self.cells, self.prbs = channel.mean_snr.shape[2], carrier.prbs
        self.serving = channel.serving
        self._plan = parts.itinerary and Timetable(parts.itinerary, self.cells, self.device)
        if self._plan:
            self._first = self._plan.attached(0)
        else:
            self._first = Attached(channel.serving, roster(channel.serving, self.cells), None)
        self.roster = self._first.roster
        self.counters = COUNTERS + ((*a3.COUNTERS, a3.UNSERVED) if self._plan else ())
        self._zero = torch.zeros(self.shape, dtype=torch.float64, device=self.device)
        self._one = torch.ones(1, dtype=self.dtype, device=self.device)
        self._prb = torch.arange(self.prbs, device=self.device)
        self.slice_id = parts.users.slice_id.to(self.device).expand(self.shape).contiguous()
        self._full = parts.users.full_buffer.to(self.device).expand(self.shape)
        self.endless_bytes = self._full.to(torch.float64) * _ALWAYS_BYTES
        self.saturated = bool(parts.users.full_buffer.all()) and self._plan is None  # no need is ever met
        self.users_per_prb = 1
        budget = parts.users.delay_budget_s.to(self.device).expand(self.shape)
        self.delay_budget_s = budget.to(self.dtype)
        self._budget_slots = (budget / carrier.slot_s + 1e-9).clamp(max=2.0**40).floor().long()
        self._fading_slots = slots_at_once(channel.fading, parts.block_slots)
        self.backend = choice.make(parts.backend or choice.choose(self.device, type(self) is Engine), self)
        self._luck_keys = parts.drops.keys("decoding").to(self.device)

    def start(self) -> CellState:
        """Returns the state of slot 0: first arrivals queued, first reports measured with every cell at full load."""
        block = self._prepare(0)
        ledger = None
        if self.parts.arrivals is not None and block.arrivals is not None:
            ledger = DelayLedger.start(self.parts.arrivals, self.shape, self.parts.block_slots, block.arrivals)
        everything = torch.ones((self.shape[0], self.cells, self.prbs), dtype=self.dtype, device=self.device)
        moment = self._moment(0, block, self._first.serving)
        first = self._measure(moment, self._seen(moment, everything))
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
        return SlotObservation(
            slot=state.slot,
            attached=state.attached,
            report=self._heard(state),
            backlog_bits=state.waiting_bytes * 8.0,
            need_prbs=self.backend.need(state),
            retransmits=state.harq.retransmits,
            served_bits=state.served_bits,
            head_of_line=partial(self._head_of_line, state),
        )

    def step(self, state: CellState, decision: SlotDecision, need_prbs: Tensor) -> tuple[CellState, SlotOutcome]:
        """Transmits one slot.

        Args:
            state: as the decision's maker observed it.
            decision: which UE holds each PRB; checked beforehand (:mod:`mac.scheduling.feasible`).
            need_prbs: as observed in this slot; counted as requested.
        """
        moment = self._moment(state.slot, state.block, state.attached.serving)
        carried = self.backend.carry_out(state, self._holders(decision), need_prbs, moment)
        counters = carried.counters
        if self._plan:
            counters = with_handovers(counters, state.slot, self._plan)
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
        return state, SlotOutcome(counters, carried.active_prbs, delays)

    def backlog_bits(self, state: CellState) -> Tensor:
        """Computes the bits that wait for a first transmission or a repetition, ``[B, U]``."""
        return 8 * (state.waiting_bytes - self.endless_bytes + harq.in_flight_bytes(state.harq))

    def oldest_s(self, state: CellState) -> Tensor:
        """Computes the age of the oldest byte not yet sent, ``[B, U]`` in s; 0 where none waits."""
        return self._head_of_line(state)

    # The slot, part by part.

    def _holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UEs on each PRB, as :meth:`_grant` takes them."""
        return decision.user

    def _moment(self, slot: int, block: Block, serving: Tensor) -> Moment:
        step = slot - block.first_slot
        return Moment(
            slot=slot,
            block=block,
            time=block.time[step],
            luck=block.luck[step],
            air=self._air(block, slot),
            serving=serving,
            measured=slot % self.parts.link.report_period_slots == 0,
        )

    def _air(self, block: Block, slot: int) -> Tensor:
        return block.coordinates[:, :, slot - block.fading_slot]

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: Moment) -> Carried:
        """Transmits what was decided, in the torch form of a slot; from tensors only, so that it can be traced."""
        grant = self._grant(state, user)
        attempt, seen, active = self._transmit(state, grant, moment)
        first = attempt.sent & ~state.harq.retransmits
        failed = first & ~attempt.decoded
        new_bytes = torch.where(first, attempt.bytes, self._zero)
        served = torch.where(attempt.decoded, attempt.bytes * 8, self._zero)
        rest = state.waiting_bytes - new_bytes
        waiting = torch.maximum(rest, self.endless_bytes)
        counters = torch.stack(
            (
                served,
                (state.arrived[0] + (waiting - rest)) * 8,
                state.arrived[1] * 8,
                torch.where(attempt.given_up, attempt.bytes * 8, self._zero),
                grant.prbs.to(torch.float64),
                need_prbs,
                first.to(torch.float64),
                failed.to(torch.float64),
            )
        )
        return Carried(
            waiting_bytes=waiting,
            sent_bytes=state.sent_bytes + new_bytes,
            harq=harq.update(state.harq, attempt, moment.time, self.parts.harq),
            outer_loop_db=outer_loop(state.outer_loop_db, first, failed, self.parts.link),
            served_bits=served,
            report=self._report(moment, seen) if moment.measured else None,
            counters=self._with_more(counters, moment, grant, attempt, seen),
            active_prbs=active.sum(-1, dtype=torch.float64),
        )

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat its lost block, ``[B, U]``."""
        mean, queue = state.reports[0].mean_bits, state.harq
        need = (state.waiting_bytes * 8 / mean.clamp(min=LEAST_BITS)).ceil_().clamp_(max=self.prbs)
        need = torch.where(queue.usable & (mean > 0), need, self._zero)
        return torch.where(queue.retransmits, queue.current[..., harq.PRBS], need)

    def _grant(self, state: CellState, user: Tensor) -> Grant:
        """PRBs, reported rate and MCS of each UE, from the holder of each PRB."""
        users, queue = self.shape[1], state.harq
        held = user >= 0
        holder = torch.where(held, user, users).flatten(1)  # a PRB without holder is UE U's
        place = (user.clamp(min=0) * self.prbs).add_(self._prb).flatten(1)  # of (user, PRB) in a flat [U * K]
        prbs = self._per_user(holder, self._one.expand(holder.shape))
        rate = self._per_user(holder, state.reports[0].bits.flatten(1).gather(1, place))
        chosen = self._choose(state, rate / prbs.clamp(min=1.0), prbs)
        mcs = torch.where(queue.retransmits, queue.current[..., harq.MCS].long(), chosen)
        return Grant(held, holder, place, prbs, mcs)

    def _choose(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """MCS of each UE's new block from the mean of what was reported for its PRBs, and their number."""
        return self.parts.tables.adaptation.choose_mcs(mean_bits, state.outer_loop_db)

    def _transmit(self, state: CellState, grant: Grant, moment: Moment) -> tuple[Attempt, Tensor, Tensor]:
        """Send, receive, decode. Returns the attempt, what reports measure, and the activity ``[B, C, K]``."""
        tables, queue = self.parts.tables, state.harq
        block, again = queue.current, queue.retransmits
        coded_prbs = torch.where(again, block[..., harq.PRBS], grant.prbs)
        cell = grant.mcs * (self.prbs + 1) + coded_prbs.long()
        new = torch.minimum(tables.block_bytes[cell], state.waiting_bytes)
        payload = torch.where(again, block[..., harq.BYTES], new)
        sent = (payload * grant.prbs > 0) & queue.usable
        activity = self._activity(grant, sent)
        effective, seen = self._receive(state, grant, activity, moment)
        own = effective * (grant.prbs / coded_prbs.clamp(min=1.0))
        combined = torch.where(again, own + block[..., harq.SINR], own)
        bler = gather(tables.bler_curves, tables.bler_row[cell], combined)
        failure = transport_bler(bler, tables.code_blocks[cell])
        decoded = sent & (moment.luck >= failure)
        attempts = torch.where(again, block[..., harq.ATTEMPTS] + 1, self._zero + 1)
        given_up = sent & (attempts >= self.parts.harq.max_attempts) & ~decoded
        payload = torch.where(sent, payload, self._zero)
        attempt = Attempt(sent, payload, grant.mcs, coded_prbs, combined, attempts, decoded, given_up)
        return attempt, seen, activity

    def _receive(self, state: CellState, grant: Grant, activity: Tensor, moment: Moment) -> tuple[Tensor, Tensor]:
        """Effective SINR of each UE's block, and what reports measure: the SINR ``[B, U, K]``."""
        gamma = self._seen(moment, activity)
        return self._effective_sinr(grant, gamma), gamma

    def _activity(self, grant: Grant, sent: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(sent, (0, 1)).to(self.dtype)
        return padded.gather(1, grant.holder).view(grant.held.shape)

    def _effective_sinr(self, grant: Grant, gamma: Tensor) -> Tensor:
        """One SINR for all PRBs of a UE, by the mean of what each PRB carries."""
        return self._over_prbs(grant, gamma.flatten(1).gather(1, grant.place))

    def _over_prbs(self, grant: Grant, gamma: Tensor) -> Tensor:
        """The same from the SINR ``[B, C * K]`` of the holder of each PRB."""
        mapping = self.parts.tables.mapping
        mcs = torch.nn.functional.pad(grant.mcs, (0, 1)).gather(1, grant.holder)
        carried = mapping.of(gamma, mcs)
        mean = self._per_user(grant.holder, carried) / grant.prbs.clamp(min=1.0)
        return mapping.inverse(mean, grant.mcs)

    def _with_more(self, counters: Tensor, moment: Moment, grant: Grant, attempt: Attempt, seen: Tensor) -> Tensor:
        """Counters of the slot and what else an engine counts, ``[n, B, U]``."""
        return counters

    def _per_user(self, holder: Tensor, values: Tensor) -> Tensor:
        """Sum over the PRBs that each UE holds, ``[B, U]``."""
        batch, users = self.shape
        out = values.new_zeros((batch, users + 1))
        return out.scatter_add_(1, holder, values)[:, :users]

    def _seen(self, moment: Moment, activity: Tensor) -> Tensor:
        """What reports measure while cells transmit like that: the SINR ``[B, U, K]``."""
        fading = self.parts.channel.fading
        return sinr(moment.air, fading.to_prbs, moment.serving, activity, fading.dominant)

    def _heard(self, state: CellState) -> Report:
        """The reports in use; those of UEs that no cell serves are empty."""
        report, back = state.reports[0], state.attached.back
        if back is None:
            return report
        here = back <= state.slot
        return Report(report.bits * here[..., None], report.mean_bits * here)

    def _measure(self, moment: Moment, seen: Tensor) -> Report:
        return self.measure(seen)

    def measure(self, seen: Tensor) -> Report:
        """Returns the report of the SINR ``[B, U, K]``; no order of PRBs changes its mean, a sum in float64."""
        bits = self.parts.tables.adaptation.report(seen)
        return Report(bits, (bits.sum(-1, dtype=torch.float64) / self.prbs).to(bits.dtype))

    def _report(self, moment: Moment, seen: Tensor) -> Report:
        """What UEs report of the slot that has just been sent."""
        return self._measure(moment, seen)

    def _advance(self, state: CellState) -> tuple[CellState, DelayReport | None]:
        """Closes the slot, fetches a new block where one ends, and admits the arrivals of the next slot."""
        ends, delays, ledger = state.slot - state.block.first_slot == self.parts.block_slots, None, state.ledger
        if ledger is not None:
            ledger = ledger.resolve(state.sent_bytes - harq.in_flight_bytes(state.harq))
        if ends:
            state = state.later(block=self._prepare(state.slot))
            if ledger is not None and state.block.arrivals is not None:
                ledger, delays = ledger.close(self.parts.carrier.slot_s, self._budget_slots, state.block.arrivals)
        elif (state.slot - state.block.first_slot) % self._fading_slots == 0:
            state = replace(state, block=self._renewed(state.block, state.slot))
        state = state.later(ledger=ledger)
        if self._plan:
            state = self._hand_over(state, self._plan)
        return self._admit(state), delays

    def _hand_over(self, state: CellState, plan: Timetable) -> CellState:
        return hand_over(state, plan, self._forgotten)

    def _forgotten(self, report: Report, kept: Tensor) -> Report:
        """The report where ``kept`` ``[B, U]`` is 1, and nothing where it is 0."""
        return Report(report.bits * kept[..., None], report.mean_bits * kept)

    def _admit(self, state: CellState) -> CellState:
        """Queue what arrives in the slot; what finds no room is dropped."""
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

    def _head_of_line(self, state: CellState) -> Tensor:
        if state.ledger is None:
            return self._zero.to(self.dtype)
        slots = state.ledger.age(state.sent_bytes)
        waits = (state.waiting_bytes > 0) & ~self._full
        return (slots * waits).to(self.dtype) * self.parts.carrier.slot_s

    def _prepare(self, first_slot: int) -> Block:
        slots, users = self.parts.block_slots, self.shape[1]
        luck = uniform(self._luck_keys, (slots, users), start=first_slot * users).transpose(0, 1)
        arrivals = None
        if self.parts.arrivals is not None:
            of_block = (self.parts.arrivals.block, self.parts.arrivals.counts)
            both = torch.stack([read(first_slot, slots, users) for read in of_block])
            arrivals = both.permute(3, 0, 1, 2).to(self.device, torch.float64).contiguous()
        fading, around = self._fading(first_slot)
        time = torch.arange(first_slot, first_slot + slots, dtype=torch.float64, device=self.device)
        return Block(first_slot, fading, first_slot, luck.contiguous(), time, arrivals, around)

    def _renewed(self, block: Block, slot: int) -> Block:
        fading, around = self._fading(slot)
        return replace(block, coordinates=fading, fading_slot=slot, around=around)

    def _fading(self, first_slot: int) -> tuple[Tensor, HeardCells | None]:
        return self._buffers.coordinates(first_slot, self._fading_slots, self.parts.carrier.slot_s), None
