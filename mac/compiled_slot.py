"""A slot of the engine as loops over users and PRBs; the torch form is :class:`mac.engine.Engine`, number for number.

Two passes: :func:`send`, from a decision to what every user transmits, and :func:`decode`, from what was heard to
blocks, counters and the outer loop. Arrays are ``[B, U]`` where nothing else is said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from phy.compiled_loggrid import grid_index
from phy.compiling import compiled, inlined
from phy.effective_sinr import LEAST_REST, ODDS_SCALE

from .harq import ATTEMPTS, BYTES, MCS, PRBS, READY, SINR

Array = np.ndarray

SERVED, DEMAND, DROPPED, LOST, GRANTED, REQUESTED, FIRST_TX, FIRST_NACK = range(8)  # rows of mac.cells.COUNTERS


class Tables(NamedTuple):
    """What is read by a gather; see :class:`mac.link_tables.LinkTables`."""

    sinr_db_of_bits: Array
    threshold_db: Array
    block_bytes: Array
    code_blocks: Array
    bler_row: Array
    bler_curves: Array
    forward: Array
    backward: Array


class Queues(NamedTuple):
    """The state before the slot."""

    waiting: Array
    sent: Array  # since the start
    endless: Array
    outer_loop_db: Array
    arrived: Array  # [3, B, U]
    blocks: Array  # [B, U, P, 6]
    process: Array
    usable: Array
    retransmits: Array


class Sending(NamedTuple):
    """What :func:`send` writes: what each user transmits."""

    prbs: Array  # granted
    coded_prbs: Array  # of the first attempt
    mcs: Array
    payload: Array  # bytes, 0 where nothing is sent
    activity: Array  # [B, C, K]
    active_prbs: Array  # [B, C]


class Next(NamedTuple):
    """What :func:`decode` writes: the state after the slot."""

    waiting: Array
    sent: Array
    outer_loop_db: Array
    blocks: Array
    process: Array
    usable: Array
    retransmits: Array
    current: Array  # [B, U, 6]
    served: Array
    counters: Array  # [8, B, U]


class Rules(NamedTuple):
    """Numbers of the settings."""

    max_attempts: float
    round_trip_slots: float
    step_up_db: float
    step_change_db: float  # of a failure, on top of the step up
    limit_db: float


@inlined
def _choose_mcs(tables: Tables, mean_bits: Any, offset_db: Any) -> Any:
    """Greatest MCS whose threshold is not above, 0 where there is none."""
    sinr_db = tables.sinr_db_of_bits[grid_index(mean_bits)] + offset_db
    mcs = np.searchsorted(tables.threshold_db, sinr_db, side="right") - 1
    return max(mcs, 0)


@compiled
def send(start: int, stop: int, user: Array, bits: Array, queues: Queues, tables: Tables, out: Sending) -> None:
    """From the holder of each PRB ``[B, C, K]`` and the reported bits ``[B, U, K]`` to what some drops transmit."""
    _, cells, prbs = user.shape
    users = bits.shape[1]
    zero = bits.dtype.type(0.0)
    one = bits.dtype.type(1.0)
    rate = np.empty(users, bits.dtype)
    for b in range(start, stop):
        rate[:] = zero
        out.prbs[b, :] = zero
        for c in range(cells):
            for k in range(prbs):
                u = user[b, c, k]
                if u >= 0:
                    out.prbs[b, u] += one
                    rate[u] += bits[b, u, k]
        for u in range(users):
            granted, row = out.prbs[b, u], queues.blocks[b, u, queues.process[b, u]]
            if queues.retransmits[b, u]:
                mcs, coded, payload = int(row[MCS]), row[PRBS], row[BYTES]
            else:
                mcs = _choose_mcs(tables, rate[u] / max(granted, one), queues.outer_loop_db[b, u])
                coded = np.float64(granted)
                payload = min(tables.block_bytes[mcs * (prbs + 1) + int(coded)], queues.waiting[b, u])
            sends = payload * granted > 0.0 and queues.usable[b, u]
            out.mcs[b, u], out.coded_prbs[b, u] = mcs, coded
            out.payload[b, u] = payload if sends else 0.0
        for c in range(cells):
            count = zero
            for k in range(prbs):
                u = user[b, c, k]
                on = one if u >= 0 and out.payload[b, u] > 0.0 else zero
                out.activity[b, c, k] = on
                count += on
            out.active_prbs[b, c] = count


@compiled
def decode(
    start: int,
    stop: int,
    user: Array,
    sinr: Array,
    luck: Array,
    need: Array,
    time: Array,
    queues: Queues,
    sending: Sending,
    tables: Tables,
    rules: Rules,
    out: Next,
) -> None:
    """From the SINR ``[B, U, K]`` of a slot to what became of the blocks of some drops, and the state after it."""
    _, cells, prbs = user.shape
    users, ready = sinr.shape[1], time[0] + rules.round_trip_slots
    one = sinr.dtype.type(1.0)
    carried = np.empty(users, sinr.dtype)
    for b in range(start, stop):
        carried[:] = sinr.dtype.type(0.0)
        for c in range(cells):
            for k in range(prbs):
                u = user[b, c, k]
                if u >= 0:
                    carried[u] += tables.forward[sending.mcs[b, u], grid_index(sinr[b, u, k])]
        for u in range(users):
            granted, mcs, coded = sending.prbs[b, u], sending.mcs[b, u], sending.coded_prbs[b, u]
            mean = carried[u] / max(granted, one)
            odds = mean / max(one - mean, sinr.dtype.type(LEAST_REST)) / sinr.dtype.type(ODDS_SCALE)
            effective = tables.backward[mcs, grid_index(odds)]
            _close(
                b, u, effective, mcs * (prbs + 1) + int(coded), luck, need, ready, queues, sending, tables, rules, out
            )
            _choose_process(b, u, time[0] + 1.0, out)


@inlined
def _close(
    b: int,
    u: int,
    effective: Any,
    cell: int,
    luck: Array,
    need: Array,
    ready: float,
    queues: Queues,
    sending: Sending,
    tables: Tables,
    rules: Rules,
    out: Next,
) -> None:
    """One user's block: decoded or not, written into its process, and counted."""
    again, process = queues.retransmits[b, u], queues.process[b, u]
    granted, coded, payload = sending.prbs[b, u], sending.coded_prbs[b, u], sending.payload[b, u]
    sends = payload > 0.0
    before = queues.blocks[b, u, process]
    combined = effective * (granted / max(coded, 1.0))
    attempts = 1.0
    if again:
        combined += before[SINR]
        attempts = before[ATTEMPTS] + 1.0
    bler = tables.bler_curves[tables.bler_row[cell], grid_index(combined)]
    failure = 1.0 - (1.0 - np.float64(bler)) ** np.float64(tables.code_blocks[cell])
    decoded = sends and luck[b, u] >= failure
    given_up = sends and attempts >= rules.max_attempts and not decoded
    first = sends and not again
    failed = first and not decoded
    for p in range(queues.blocks.shape[2]):
        for i in range(6):
            out.blocks[b, u, p, i] = queues.blocks[b, u, p, i]
    if sends:
        row = out.blocks[b, u, process]
        row[BYTES] = 0.0 if decoded or given_up else payload
        row[MCS], row[PRBS], row[SINR] = sending.mcs[b, u], coded, combined
        row[ATTEMPTS], row[READY] = attempts, ready
    new = payload if first else 0.0
    served = payload * 8.0 if decoded else 0.0
    rest = queues.waiting[b, u] - new
    waiting = max(rest, queues.endless[b, u])
    out.waiting[b, u], out.sent[b, u], out.served[b, u] = waiting, queues.sent[b, u] + new, served
    counters = out.counters
    counters[SERVED, b, u] = served
    counters[DEMAND, b, u] = (queues.arrived[0, b, u] + (waiting - rest)) * 8.0
    counters[DROPPED, b, u] = queues.arrived[1, b, u] * 8.0
    counters[LOST, b, u] = payload * 8.0 if given_up else 0.0
    counters[GRANTED, b, u], counters[REQUESTED, b, u] = granted, need[b, u]
    counters[FIRST_TX, b, u], counters[FIRST_NACK, b, u] = first, failed
    offset, kind = queues.outer_loop_db[b, u], out.outer_loop_db.dtype.type
    if first:
        offset += kind(rules.step_up_db)
    if failed:
        offset += kind(rules.step_change_db)
    out.outer_loop_db[b, u] = min(max(offset, kind(-rules.limit_db)), kind(rules.limit_db))


@inlined
def _choose_process(b: int, u: int, slot: float, out: Next) -> None:
    """:func:`mac.harq.choose` for one user."""
    best, chosen = -1.0, 0
    for p in range(out.blocks.shape[2]):
        row = out.blocks[b, u, p]
        waited = slot + 1.0 - row[READY]
        urgency = max(2.0 * waited if row[BYTES] > 0.0 else min(waited, 1.0), 0.0)
        if urgency > best:
            best, chosen = urgency, p
    out.process[b, u] = chosen
    out.usable[b, u], out.retransmits[b, u] = best > 0.0, best > 1.0
    for i in range(6):
        out.current[b, u, i] = out.blocks[b, u, chosen, i]
