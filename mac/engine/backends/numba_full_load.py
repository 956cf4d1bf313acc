"""Computes a slot in one loop where every cell that serves a UE sends on all of its PRBs.

Then the SINR of the slot is known beforehand (:mod:`phy.channel.full_load`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phy.link.sinr_numba import reported
from phy.numerics.jit import Loop, compiled

from .numba_kernels import (
    NextState,
    Queues,
    Reported,
    Rules,
    Sending,
    Tables,
    decode_of_drop,
    keep_blocks,
    need_of_drop,
    send_of_drop,
)

Array = np.ndarray


@Loop
def slot_at_full_load(
    start: int,
    stop: int,
    user: Array,
    bits: Array,
    need: Array,
    draws: Array,
    time: float,
    sinr: Array,
    place: int,
    full_prbs: Array,
    bits_of_sinr: Array,
    queues: Queues,
    tables: Tables,
    rules: Rules,
    due: Array,
    old: Reported,
    next_mean_bits: Array,
    sending: Sending,
    after: NextState,
    report: Reported,
    full: Array,
) -> None:
    """Computes what some drops transmit, and the rest of the slot of those in which no PRB is idle.

    Args:
        start: first drop.
        stop: the first one after them.
        user: ``[B, C, K]`` holder of each PRB.
        bits: ``[B, U, K]`` of the report in use.
        need: ``[B, U]`` as observed, to be counted.
        draws: ``[B, U]`` that decide on decoding.
        time: number of the slot.
        sinr: ``[B, U, slots, K]`` at full load.
        place: of the slot among these slots.
        full_prbs: ``[B, C]`` PRBs that each cell uses at full load.
        bits_of_sinr: reported, on the log grid.
        queues: before the slot.
        tables: of the link adaptation.
        rules: of the settings.
        due: ``[U]`` bool, UEs that report; no rows where no report is written.
        old: the report before.
        next_mean_bits: ``[B, U]`` of the report that is in use in the slot to come.
        sending: of all drops, written.
        after: of drops at full load, written.
        report: of drops at full load, written.
        full: ``[B]`` bool, written: whether the drop was at full load.
    """
    for b in range(start, stop):
        send_of_drop(b, user, bits, queues, tables, sending)
        full[b] = np.all(sending.active_prbs[b] == full_prbs[b])
        if full[b]:
            if len(due):
                _report(b, sinr, place, bits_of_sinr, due, old, report)
            keep_blocks(b, queues, after)
            decode_of_drop(b, user, sinr, place, draws, need, time, queues, sending, tables, rules, after)
            known = after.waiting, next_mean_bits, after.usable, after.retransmits, after.current
            need_of_drop(b, user.shape[2], *known, after.need)


def _touches(*given: Any) -> list[Any]:
    """Returns what :func:`slot_at_full_load` reads and writes: one slot of the SINR."""
    (first, sinr, place, rest) = given[:7], given[7], given[8], given[9:]
    return [*first, sinr[:, :, place], *rest]


slot_at_full_load.touches = _touches


@compiled
def _report(b: int, sinr: Array, place: int, bits_of_sinr: Array, due: Array, old: Reported, report: Reported) -> None:
    """Computes the reports of the UEs that are due; the others keep theirs."""
    bits, mean_bits, old_bits, old_mean_bits = report.bits[b], report.mean_bits[b], old.bits[b], old.mean_bits[b]
    for u in range(len(due)):
        to, kept = bits[u], old_bits[u]
        if due[u]:
            mean_bits[u] = reported(sinr[b, u, place], bits_of_sinr, to)
        else:
            for k in range(len(to)):
                to[k] = kept[k]
            mean_bits[u] = old_mean_bits[u]
