"""Computes a slot of the engine in loops over UEs and PRBs, as the torch form does.

The torch form is :class:`mac.engine.backends.torch_slot.TorchSlot`.

Two passes: :func:`send`, from a decision to what every UE transmits, and :func:`decode`, from what was heard to
blocks, counters and the outer loop. Arrays are ``[B, U]`` where nothing else is said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phy.link.effective_sinr import LEAST_REST, ODDS_SCALE
from phy.numerics.jit import Loop, compiled
from phy.numerics.log_grid_numba import grid_index

from ...link_adaptation.harq import ATTEMPTS, BYTES, MCS, PRBS, READY, SINR
from ..state import COUNTERS, LEAST_BITS

Array = np.ndarray

SERVED, DEMAND = COUNTERS.index("served_bits"), COUNTERS.index("demand_bits")
DROPPED, LOST = COUNTERS.index("dropped_bits"), COUNTERS.index("lost_bits")
GRANTED, REQUESTED = COUNTERS.index("granted_prbs"), COUNTERS.index("requested_prbs")
FIRST_TX, FIRST_NACK = COUNTERS.index("first_tx"), COUNTERS.index("first_nack")


class Tables(NamedTuple):
    """Holds the tables that are read by a gather; see :class:`mac.link_adaptation.tables.LinkTables`."""

    sinr_db_of_bits: Array
    threshold_db: Array
    block_bytes: Array
    code_blocks: Array
    bler_row: Array
    bler_curves: Array
    forward: Array
    backward: Array


class Queues(NamedTuple):
    """Holds the state before the slot."""

    waiting: Array
    sent: Array  # since the start
    endless: Array
    outer_loop_db: Array
    arrived: Array  # [2, B, U]
    blocks: Array  # [B, U, processes, 6]
    process: Array
    usable: Array
    retransmits: Array


class Sending(NamedTuple):
    """Holds what :func:`send` writes: what each UE transmits."""

    prbs: Array  # granted
    coded_prbs: Array  # of the first attempt
    mcs: Array
    payload: Array  # bytes, 0 where nothing is sent
    activity: Array  # [B, C, K]
    active_prbs: Array  # [B, C] float64


class NextState(NamedTuple):
    """Holds what :func:`decode` writes: the state after the slot."""

    waiting: Array
    sent: Array
    outer_loop_db: Array
    blocks: Array
    process: Array
    usable: Array
    retransmits: Array
    current: Array  # [B, U, 6]
    counters: Array  # [8, B, U]
    need: Array  # of the slot to come, if nothing arrives


class Reported(NamedTuple):
    """Holds bits that a PRB would carry."""

    bits: Array  # [B, U, K]
    mean_bits: Array  # over the carrier


class Rules(NamedTuple):
    """Holds numbers of the settings."""

    max_attempts: float
    round_trip_slots: float
    step_up_db: float
    step_change_db: float  # of a failure, on top of the step up
    limit_db: float


@Loop
def need(
    prbs: int, waiting: Array, mean_bits: Array, usable: Array, retransmits: Array, current: Array, out: Array
) -> None:
    """Computes PRBs that empty each UE's queue or repeat its lost block, as :meth:`mac.engine.engine.Engine.need`."""
    for b in range(out.shape[0]):
        need_of_drop(b, prbs, waiting, mean_bits, usable, retransmits, current, out)


@compiled
def need_of_drop(
    b: int, prbs: int, waiting: Array, mean_bits: Array, usable: Array, retransmits: Array, current: Array, out: Array
) -> None:
    """Computes the need of the UEs of a drop; see :func:`need`."""
    least = mean_bits.dtype.type(LEAST_BITS)
    for u in range(out.shape[1]):
        mean = mean_bits[b, u]
        if retransmits[b, u]:
            out[b, u] = current[b, u, PRBS]
        elif usable[b, u] and mean > 0.0:
            out[b, u] = min(np.ceil(waiting[b, u] * 8.0 / max(mean, least)), float(prbs))
        else:
            out[b, u] = 0.0


@Loop
def keep_reports(start: int, stop: int, due: Array, old: Reported, report: Reported) -> None:
    """Copies the older report of the UEs of some drops that are not due."""
    for b in range(start, stop):
        for u in range(len(due)):
            if not due[u]:
                report.bits[b, u] = old.bits[b, u]
                report.mean_bits[b, u] = old.mean_bits[b, u]


@Loop
def send(start: int, stop: int, user: Array, bits: Array, queues: Queues, tables: Tables, out: Sending) -> None:
    """Computes what some drops transmit from each PRB's holder ``[B, C, K]`` and the reported bits ``[B, U, K]``."""
    for b in range(start, stop):
        send_of_drop(b, user, bits, queues, tables, out)


@compiled
def send_of_drop(b: int, user: Array, bits: Array, queues: Queues, tables: Tables, out: Sending) -> None:
    """Computes what a drop transmits; see :func:`send`."""
    _, cells, prbs = user.shape
    rate = np.empty(bits.shape[1], bits.dtype)
    one = bits.dtype.type(1.0)
    granted, reported = out.prbs[b], bits[b]
    rate[:] = bits.dtype.type(0.0)
    granted[:] = bits.dtype.type(0.0)
    for c in range(cells):
        for k in range(prbs):
            u = user[b, c, k]
            if u >= 0:
                granted[u] += one
                rate[u] += reported[u, k]
    _format(b, prbs, rate, queues, tables, out)
    payload, activity, active = out.payload[b], out.activity[b], out.active_prbs[b]
    active[:] = 0.0
    for c in range(cells):
        for k in range(prbs):
            u = user[b, c, k]
            on = u >= 0 and payload[u] > 0.0
            activity[c, k] = on
            if on:
                active[c] += 1.0


@compiled
def _format(b: int, prbs: int, rate: Array, queues: Queues, tables: Tables, out: Sending) -> None:
    """Computes MCS, PRBs and bytes of each UE's block of a drop."""
    again, usable, process, blocks = queues.retransmits[b], queues.usable[b], queues.process[b], queues.blocks[b]
    waiting, offset, threshold_db = queues.waiting[b], queues.outer_loop_db[b], tables.threshold_db
    one = rate.dtype.type(1.0)
    for u in range(len(rate)):
        granted, row = out.prbs[b, u], blocks[u, process[u]]
        if again[u]:
            mcs, coded, payload = int(row[MCS]), row[PRBS], row[BYTES]
        else:
            sinr_db = tables.sinr_db_of_bits[grid_index(rate[u] / max(granted, one))] + offset[u]
            mcs = max(np.searchsorted(threshold_db, sinr_db, side="right") - 1, 0)
            coded = np.float64(granted)
            payload = min(tables.block_bytes[mcs * (prbs + 1) + int(coded)], waiting[u])
        sends = payload * granted > 0.0 and usable[u]
        out.mcs[b, u], out.coded_prbs[b, u] = mcs, coded
        out.payload[b, u] = payload if sends else 0.0


@Loop
def decode(
    start: int,
    stop: int,
    user: Array,
    sinr: Array,
    place: int,
    draws: Array,
    need: Array,
    time: float,
    queues: Queues,
    sending: Sending,
    tables: Tables,
    rules: Rules,
    out: NextState,
) -> None:
    """Computes which blocks of some drops are decoded from the SINR, and the state after the slot.

    ``sinr`` holds several slots, ``[B, U, slots, K]``, of which this one is at ``place``.
    """
    for b in range(start, stop):
        keep_blocks(b, queues, out)
        decode_of_drop(b, user, sinr, place, draws, need, time, queues, sending, tables, rules, out)


@compiled
def keep_blocks(b: int, queues: Queues, out: NextState) -> None:
    """Copies the blocks in flight of a drop, which :func:`decode_of_drop` changes where a UE transmits."""
    to, kept = out.blocks[b].reshape(-1), queues.blocks[b].reshape(-1)
    for i in range(len(to)):
        to[i] = kept[i]


@compiled
def decode_of_drop(
    b: int,
    user: Array,
    sinr: Array,
    place: int,
    draws: Array,
    need: Array,
    time: float,
    queues: Queues,
    sending: Sending,
    tables: Tables,
    rules: Rules,
    out: NextState,
) -> None:
    """Computes which blocks of a drop are decoded, and the state after the slot; see :func:`decode`.

    ``out`` holds the blocks of before (:func:`keep_blocks`); its arrays may be those of ``queues``.
    """
    users = sinr.shape[1]
    effective = np.empty(users, sinr.dtype)
    verdict = Verdict(np.empty(users), np.empty(users), np.empty(users, np.bool_), np.empty(users, np.bool_))
    _map(b, user, sinr, place, sending, tables, effective)
    _judge(b, user.shape[2], draws, effective, queues, sending, tables, rules, verdict)
    _write_blocks(b, time + rules.round_trip_slots, queues, sending, verdict, out)
    _count(b, need, queues, sending, verdict, rules, out)
    _choose_process(b, time + 1.0, out)


class Verdict(NamedTuple):
    """Holds whether each UE's block of one drop was decoded and what follows, all ``[U]``."""

    combined: Array  # SINR
    attempts: Array
    decoded: Array
    given_up: Array


# Loops of one drop. Arrays are taken out of their tuples before a loop, for that costs as much as an addition.


@compiled
def _map(b: int, user: Array, sinr: Array, place: int, sending: Sending, tables: Tables, effective: Array) -> None:
    """Computes the effective SINR of each UE's block."""
    _, cells, prbs = user.shape
    mcs, granted, forward, backward = sending.mcs[b], sending.prbs[b], tables.forward, tables.backward
    kind, own = sinr.dtype.type, sinr[b]
    one, scale, least = kind(1.0), kind(ODDS_SCALE), kind(LEAST_REST)
    effective[:] = kind(0.0)
    for c in range(cells):
        for k in range(prbs):
            u = user[b, c, k]
            if u >= 0:
                effective[u] += forward[mcs[u], grid_index(own[u, place, k])]
    for u in range(len(effective)):
        mean = effective[u] / max(granted[u], one)
        odds = mean / max(one - mean, least) / scale
        effective[u] = backward[mcs[u], grid_index(odds)]


@compiled
def _judge(
    b: int,
    prbs: int,
    draws: Array,
    effective: Array,
    queues: Queues,
    sending: Sending,
    tables: Tables,
    rules: Rules,
    out: Verdict,
) -> None:
    """Decides whether each block is decoded, given up, or to be repeated."""
    curves, row, code_blocks = tables.bler_curves, tables.bler_row, tables.code_blocks
    granted, coded, mcs, payload = sending.prbs[b], sending.coded_prbs[b], sending.mcs[b], sending.payload[b]
    again, process, blocks = queues.retransmits[b], queues.process[b], queues.blocks[b]
    for u in range(len(effective)):
        out.decoded[u] = out.given_up[u] = False
        if payload[u] <= 0.0:
            continue
        combined, attempts = effective[u] * (granted[u] / max(coded[u], 1.0)), 1.0
        if again[u]:
            combined += blocks[u, process[u], SINR]
            attempts += blocks[u, process[u], ATTEMPTS]
        cell = mcs[u] * (prbs + 1) + int(coded[u])
        bler, count = np.float64(curves[row[cell], grid_index(combined)]), code_blocks[cell]
        failure = 1.0 - (1.0 - bler if count == 1 else (1.0 - bler) ** np.float64(count))
        decoded = draws[b, u] >= failure
        out.combined[u], out.attempts[u], out.decoded[u] = combined, attempts, decoded
        out.given_up[u] = attempts >= rules.max_attempts and not decoded


@compiled
def _write_blocks(b: int, ready: float, queues: Queues, sending: Sending, verdict: Verdict, out: NextState) -> None:
    """Writes every block into its process."""
    after, process = out.blocks[b], queues.process[b]
    coded, mcs, payload = sending.coded_prbs[b], sending.mcs[b], sending.payload[b]
    for u in range(len(after)):
        if payload[u] > 0.0:
            row = after[u, process[u]]
            row[BYTES] = 0.0 if verdict.decoded[u] or verdict.given_up[u] else payload[u]
            row[MCS], row[PRBS], row[SINR] = mcs[u], coded[u], verdict.combined[u]
            row[ATTEMPTS], row[READY] = verdict.attempts[u], ready


@compiled
def _count(
    b: int, need: Array, queues: Queues, sending: Sending, verdict: Verdict, rules: Rules, out: NextState
) -> None:
    """Computes queues, counters and the outer loop."""
    waiting_before, again, endless, sent = queues.waiting[b], queues.retransmits[b], queues.endless[b], queues.sent[b]
    offset_before, arrived, payload = queues.outer_loop_db[b], queues.arrived, sending.payload[b]
    waiting_after, offset_after, counters = out.waiting[b], out.outer_loop_db[b], out.counters
    kind = offset_after.dtype.type
    up, change, limit = kind(rules.step_up_db), kind(rules.step_change_db), kind(rules.limit_db)
    for u in range(len(payload)):
        decoded, first = verdict.decoded[u], payload[u] > 0.0 and not again[u]
        failed, new = first and not decoded, payload[u] if first else 0.0
        served, rest = payload[u] * 8.0 if decoded else 0.0, waiting_before[u] - new
        waiting_after[u] = max(rest, endless[u])
        out.sent[b, u] = sent[u] + new
        counters[SERVED, b, u] = served
        counters[DEMAND, b, u] = (arrived[0, b, u] + (waiting_after[u] - rest)) * 8.0
        counters[DROPPED, b, u] = arrived[1, b, u] * 8.0
        counters[LOST, b, u] = payload[u] * 8.0 if verdict.given_up[u] else 0.0
        counters[GRANTED, b, u], counters[REQUESTED, b, u] = sending.prbs[b, u], need[b, u]
        counters[FIRST_TX, b, u], counters[FIRST_NACK, b, u] = first, failed
        offset = offset_before[u]
        if first:
            offset += up
        if failed:
            offset += change
        offset_after[u] = min(max(offset, -limit), limit)


@compiled
def _choose_process(b: int, slot: float, out: NextState) -> None:
    """Chooses the process of the coming slot, as :func:`mac.link_adaptation.harq.choose`."""
    blocks, current = out.blocks[b], out.current[b]
    process, usable, retransmits = out.process[b], out.usable[b], out.retransmits[b]
    for u in range(len(blocks)):
        best, chosen = -1.0, 0
        for p in range(blocks.shape[1]):
            waited = slot + 1.0 - blocks[u, p, READY]
            urgency = max(2.0 * waited if blocks[u, p, BYTES] > 0.0 else min(waited, 1.0), 0.0)
            if urgency > best:
                best, chosen = urgency, p
        process[u], usable[u], retransmits[u] = chosen, best > 0.0, best > 1.0
        for i in range(6):
            current[u, i] = blocks[u, chosen, i]
