"""Decides and computes slots in place, in one loop over them: each PRB goes to the UE of its cell with the greatest
product of rate and weight, as :func:`allocators.scheduling.assign.assign` decides where buffers are always full.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mac.engine.backends.numba_in_place import InPlace, KnownSlots, finish, receive, transmit
from phy.numerics.jit import Loop, compiled

from .assign_numba import best_members, members_in_need
from .served_average_numba import follow_drop

Array = np.ndarray

FORBIDDEN = -1
"""In place of a slot, where a decision is not allowed."""


class Weights(NamedTuple):
    """Holds the weights of UEs, which follow the rate at which these are served."""

    served_bits: Array  # [B, U] average, written in place
    weight: Array  # [B, U], written in place
    share: float  # of a slot in the average
    least_bits: float
    is_new: bool  # the average knows of no slot yet, and counts none in the first one


@Loop
def run_slots(
    begin: int,
    first: int,
    resumes: bool,
    stop: int,
    roster: Array,
    serving: Array,
    weights: Weights,
    known: KnownSlots,
    own: InPlace,
) -> tuple[int, int]:
    """Runs slots of some drops, one drop after the other.

    Args:
        begin: first drop.
        first: first slot of this drop; the others run all slots.
        resumes: the slot is done but for its end.
        stop: the first drop after them.
        roster: ``[B, C, M]`` UEs of each cell, padded with U.
        serving: ``[B, U]``.
        weights: of the UEs.
        known: of the slots.
        own: written in place.

    Returns:
        Drop and slot at which a drop that transmits is not at full load, ``stop`` and 0 where all is done, and
        :data:`FORBIDDEN` as the slot where a UE holds a PRB of another cell.
    """
    slots = len(own.active_prbs)
    left = np.empty(roster.shape[2], np.int64)
    for b in range(begin, stop):
        for i in range(first if b == begin else 0, slots):
            if not (resumes and b == begin and i == first):
                if i > 0 or not weights.is_new:
                    served, average = own.after.counters[0, b], weights.served_bits[b]
                    follow_drop(served, weights.share, weights.least_bits, average, weights.weight[b])
                _decide(b, roster, weights.weight, left, own)
                if not _is_feasible(own.user[b], serving[b]):
                    return b, FORBIDDEN
                if not transmit(b, known, own):
                    return b, i
                receive(b, i, known, own)
            finish(b, i, known, own)
    return stop, 0


@Loop
def decide(roster: Array, weight: Array, own: InPlace) -> None:
    """Decides a slot of all drops, to see how long it takes: holders are written, and nothing else."""
    left = np.empty(roster.shape[2], np.int64)
    for b in range(len(roster)):
        _decide(b, roster, weight, left, own)


def _touches(*given: Any) -> list[Any]:
    """Returns what :func:`run_slots` reads and writes: of the window and the draws, its own slots."""
    (first, known, own) = given[:7], given[7], given[8]
    slots, of_group = len(own.active_prbs), known.sinr.shape[3]
    sinr = [known.sinr[place // of_group, :, :, place % of_group] for place in range(known.place, known.place + slots)]
    draws = known.draws[known.step : known.step + slots]
    return [*first, sinr, known._replace(sinr=None, draws=draws, tables=None), own._replace(queues=None)]


run_slots.touches = _touches


@compiled
def _decide(b: int, roster: Array, weight: Array, left: Array, own: InPlace) -> None:
    """Gives each PRB of a drop to the UE with the greatest product of reported bits and weight."""
    bits, need, holder, prbs = own.report.bits[b], own.after.need[b], own.user[b], own.user.shape[2]
    for c in range(len(holder)):
        count = members_in_need(roster[b, c], need, prbs, left)
        best_members(bits, weight[b], roster[b, c, :count], left, holder[c])


@compiled
def _is_feasible(user: Array, serving: Array) -> bool:
    """Returns whether every PRB of a drop is held by a UE of its cell, or by none."""
    for c in range(len(user)):
        for k in range(user.shape[1]):
            u = user[c, k]
            if u != -1 and (u < 0 or u >= len(serving) or serving[u] != c):
                return False
    return True
