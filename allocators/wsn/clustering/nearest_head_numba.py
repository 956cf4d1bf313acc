"""Finds the nearest head of each node in compiled loops; the torch form is in :mod:`.nearest_head`.

One head after the other is compared with all nodes of a block, in vector instructions: a node and head take 0.2 ns. As
in torch, distances are compared in float32, and the lower number is taken of equal ones: both find the same head.

B drops, N nodes, H heads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phy.numerics.jit import Loop, inlined

Array = np.ndarray

_BLOCK = 1024  # nodes of a block, whose numbers stay in the first cache


class Heads(NamedTuple):
    """Holds the heads of a drop, in ascending order."""

    x: Array  # [N] float32
    y: Array  # [N] float32
    number: Array  # [N] int64, of the node


class Block(NamedTuple):
    """Holds nodes and the nearest head that was found so far."""

    x: Array  # [block] float32
    y: Array  # [block] float32
    least: Array  # [block] float32 squared distance
    found: Array  # [block] int32, place in the list of heads


@Loop
def find(position_m: Array, chosen: Array, head: Array, distance_m2: Array) -> None:
    """Finds the nearest of the chosen nodes for every node.

    Args:
        position_m: float64 ``[B, N, 2]``.
        chosen: bool ``[B, N]``.
        head: written, int64 ``[B, N]``; -1 where nothing is chosen.
        distance_m2: written, float64 ``[B, N]``; inf where nothing is chosen.
    """
    drops, nodes = chosen.shape
    heads = Heads(np.empty(nodes, np.float32), np.empty(nodes, np.float32), np.empty(nodes, np.int64))
    block = Block(
        np.empty(_BLOCK, np.float32),
        np.empty(_BLOCK, np.float32),
        np.empty(_BLOCK, np.float32),
        np.empty(_BLOCK, np.int32),
    )
    for b in range(drops):
        count = _list(position_m[b], chosen[b], heads)
        for begin in range(0, nodes, _BLOCK):
            size = min(_BLOCK, nodes - begin)
            _search(position_m[b, begin : begin + size], heads, count, block)
            for n in range(size):
                head[b, begin + n] = heads.number[block.found[n]] if count > 0 else -1
        _measure(position_m[b], head[b], distance_m2[b])


@inlined
def _list(place: Array, chosen: Array, heads: Heads) -> int:
    """Lists the heads of a drop; returns how many there are."""
    x, y, number, count = heads.x, heads.y, heads.number, 0
    for n in range(len(chosen)):
        if chosen[n]:
            x[count], y[count], number[count] = place[n, 0], place[n, 1], n
            count += 1
    return count


@inlined
def _search(place: Array, heads: Heads, count: int, block: Block) -> None:
    """Finds the nearest head of each node of a block; the first of equal distances."""
    x, y, least, found = block.x, block.y, block.least, block.found
    head_x, head_y = heads.x, heads.y
    for n in range(len(place)):
        x[n], y[n], least[n], found[n] = place[n, 0], place[n, 1], np.float32(np.inf), np.int32(0)
    for h in range(count):
        for n in range(len(place)):
            across, along = x[n] - head_x[h], y[n] - head_y[h]
            distance = across * across + along * along
            nearer = distance < least[n]  # both are written, for a branch could not be vectorised
            least[n] = distance if nearer else least[n]
            found[n] = np.int32(h) if nearer else found[n]


@inlined
def _measure(place: Array, head: Array, distance_m2: Array) -> None:
    """Writes the squared distance from each node to its head; inf where it has none."""
    for n in range(len(head)):
        if head[n] < 0:
            distance_m2[n] = np.inf
        else:
            x, y = place[n, 0] - place[head[n], 0], place[n, 1] - place[head[n], 1]
            distance_m2[n] = x * x + y * y
