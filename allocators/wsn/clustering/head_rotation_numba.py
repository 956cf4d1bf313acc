"""Draws heads by rotation in compiled loops; the torch form is in :mod:`.head_rotation`. B drops, N nodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phy.numerics.jit import Loop
from phy.random_numba import unit

Array = np.ndarray


class Election(NamedTuple):
    """Describes a round in which heads are drawn."""

    keys: Array  # [B] int64
    counter: int  # of the first node's number
    alive: Array  # [B, N] bool
    last: Array  # [B, N] float64, round in which a node was head last
    before: Array  # [B or 1, N or 1] float64, nodes that were head before this round may be drawn
    threshold: Array  # [B or 1, N or 1] float64


@Loop
def elect(now: Election, chosen: Array) -> None:
    """Draws the heads of a round.

    Args:
        now: the round.
        chosen: written, bool ``[B, N]``.
    """
    drops, nodes = chosen.shape
    rows, columns = now.threshold.shape
    alive, last, before, threshold, keys = now.alive, now.last, now.before, now.threshold, now.keys
    for b in range(drops):
        row = b if rows > 1 else 0
        for n in range(nodes):
            column = n if columns > 1 else 0
            drawn = unit(np.uint64(keys[b]), now.counter + n) < threshold[row, column]
            chosen[b, n] = alive[b, n] & (last[b, n] < before[row, column]) & drawn
