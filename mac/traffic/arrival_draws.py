"""Draws random numbers of each UE, and arrivals with exponential gaps.

U UEs; n arrivals.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from phy.random import uniform

from .packets import Floats, Ints, slot_of

BLOCK = 256
"""Numbers drawn at a time per UE: bounds the memory; the result does not depend on it."""


def user_keys(key: int, users: int) -> Tensor:
    """Draws a key for each UE, int64 ``[U]``; that of UE 3 is the same however many UEs there are."""
    unit = uniform(torch.tensor([key], dtype=torch.int64), (users,))[0]
    return (unit * 2.0**53).to(torch.int64)


def uniforms(keys: Tensor, count: int, start: int = 0) -> Floats:
    """Draws uniform numbers in (0, 1), ``[U, count]``, from the ``start``-th number of each UE's stream."""
    numbers: Floats = uniform(keys, (count,), start).numpy()
    return numbers


def exponentials(keys: Tensor, count: int, start: int = 0) -> Floats:
    """Draws exponential numbers of mean 1, ``[U, count]``, by the inverse distribution function."""
    return np.asarray(-np.log(uniforms(keys, count, start)))


def poisson_arrivals(keys: Tensor, mean_gap_s: float, slots: int, slot_s: float) -> tuple[Ints, Ints]:
    """Draws slot and UE of each arrival of independent Poisson processes, before slot ``slots``.

    Gaps are drawn in blocks until every UE is past the horizon, each block going on where the last one ended.
    Hence a longer horizon only appends.

    Args:
        keys: int64 ``[U]``, a key per UE.
        mean_gap_s: mean time between a UE's arrivals.
        slots: horizon.
        slot_s: duration of a slot.
    """
    time_s = np.zeros((len(keys), 1))
    found: list[tuple[Ints, Ints]] = []
    start = 0
    while time_s.size and slot_of(time_s[:, -1], slot_s).min() < slots:
        gaps_s = mean_gap_s * exponentials(keys, BLOCK, start)
        time_s = np.cumsum(np.concatenate((time_s[:, -1:], gaps_s), axis=1), axis=1)[:, 1:]
        found.append(before_slot(slot_of(time_s, slot_s), slots))
        start += BLOCK
    return concatenate_arrivals(found)


def before_slot(slot: Ints, slots: int) -> tuple[Ints, Ints]:
    """Returns slot and UE of the entries of ``slot [U, n]`` that lie before slot ``slots``."""
    user, column = np.nonzero(slot < slots)
    return slot[user, column], user


def concatenate_arrivals(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Joins arrays of slots and UEs, also if there are none."""
    empty = np.zeros(0, dtype=np.int64)
    slots, users = zip(*[(empty, empty), *parts], strict=True)
    return np.concatenate(slots), np.concatenate(users)


def ragged_indices(count: Ints) -> tuple[Ints, Ints]:
    """Returns row and column of each element where row i has ``count[i]``: (2, 1) -> (0, 0, 1), (0, 1, 0)."""
    row = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    return row, np.arange(len(row)) - first[row]
