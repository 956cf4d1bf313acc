"""Computes slots at full load in place: what a slot leaves is what the next one finds, in the same memory.

No state is made between them, so that reports of UEs that are not due and blocks of processes that are not used stay
where they are. The compiled functions here are the parts of a slot around the decision; a loop over slots that decides
calls them (:mod:`allocators.scheduling.in_place_numba`). Numbers are those of
:func:`mac.engine.backends.numba_full_load.slot_at_full_load`, slot by slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phy.link.sinr_numba import reported
from phy.numerics.jit import compiled

from .numba_kernels import (
    NextState,
    Queues,
    Reported,
    Rules,
    Sending,
    Tables,
    decode_of_drop,
    need_of_drop,
    send_of_drop,
)

Array = np.ndarray


class KnownSlots(NamedTuple):
    """Holds what is known of T slots before they run."""

    first_slot: int
    sinr: Array  # [groups, B, U, slots of a group, K] at full load, of a window of slots
    place: int  # of the first slot in the window
    full_prbs: Array  # [B, C] PRBs that each cell uses at full load
    draws: Array  # [slots, B, U] that decide on decoding
    step: int  # of the first slot in the draws
    due: Array  # [period, U] bool, UEs that report in each slot of the period
    delay: int  # slots from a report to its first use
    bits_of_sinr: Array
    tables: Tables
    rules: Rules


class InPlace(NamedTuple):
    """Holds what slots read and write in place; the arrays of ``queues`` are those of ``after``."""

    user: Array  # [B, C, K] holder of each PRB
    report: Reported  # in use
    pending: Reported  # not in use yet, [reports on their way, B, U, K] and [.., B, U]
    queues: Queues
    sending: Sending
    after: NextState
    totals: Array  # [8, B, U] counters, summed over the slots
    active_prbs: Array  # [T, B, C]


@compiled
def transmit(b: int, known: KnownSlots, own: InPlace) -> bool:
    """Computes what a drop transmits; returns whether it is at full load."""
    send_of_drop(b, own.user, own.report.bits, own.queues, known.tables, own.sending)
    return bool(np.all(own.sending.active_prbs[b] == known.full_prbs[b]))


@compiled
def receive(b: int, step: int, known: KnownSlots, own: InPlace) -> None:
    """Computes the reports of a drop at full load, and which of its blocks are decoded, in slot ``step`` of the T."""
    slot, place, slots = known.first_slot + step, known.place + step, known.sinr.shape[3]
    sinr, at = known.sinr[place // slots], place % slots
    measure(b, slot, sinr, at, known, own)
    draws, need = known.draws[known.step + step], own.after.need
    about = own.queues, own.sending, known.tables, known.rules, own.after
    decode_of_drop(b, own.user, sinr, at, draws, need, float(slot), *about)


@compiled
def measure(b: int, slot: int, sinr: Array, at: int, known: KnownSlots, own: InPlace) -> None:
    """Computes the reports of the UEs that are due."""
    period = len(known.due)
    due, number = known.due[slot % period], (slot // period) % len(own.pending.bits)
    bits, mean_bits, of_slots = own.pending.bits[number, b], own.pending.mean_bits[number, b], sinr[b]
    for u in range(len(due)):
        if due[u]:
            mean_bits[u] = reported(of_slots[u, at], known.bits_of_sinr, bits[u])


@compiled
def finish(b: int, step: int, known: KnownSlots, own: InPlace) -> None:
    """Adds up what a drop did in the slot, and brings reports into use for the next one."""
    counters, totals, active = own.after.counters, own.totals, own.sending.active_prbs[b]
    for n in range(len(totals)):
        total, count = totals[n, b], counters[n, b]
        for u in range(len(total)):
            total[u] += count[u]
    own.active_prbs[step, b] = active
    _bring_into_use(b, known.first_slot + step + 1 - known.delay, known, own)
    after = own.after
    known_of_ues = after.waiting, own.report.mean_bits, after.usable, after.retransmits, after.current
    need_of_drop(b, own.user.shape[2], *known_of_ues, after.need)


@compiled
def _bring_into_use(b: int, measured: int, known: KnownSlots, own: InPlace) -> None:
    """Copies the reports that were measured in a slot."""
    period = len(known.due)
    due, number = known.due[measured % period], (measured // period) % len(own.pending.bits)
    bits, mean_bits = own.report.bits[b], own.report.mean_bits[b]
    new_bits, new_mean_bits = own.pending.bits[number, b], own.pending.mean_bits[number, b]
    for u in range(len(due)):
        if due[u]:
            to, new = bits[u], new_bits[u]
            for k in range(len(to)):
                to[k] = new[k]
            mean_bits[u] = new_mean_bits[u]
