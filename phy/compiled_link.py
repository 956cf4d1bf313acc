"""What users hear, as one pass over the responses of their links; the torch form is :mod:`phy.link`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .compiled_loggrid import grid_index
from .compiling import Loop, inlined
from .link import rows_at_once

Array = np.ndarray

_TOGETHER = 16  # cells summed up before they are added to the others, which is how torch sums


class Links(NamedTuple):
    """What users of B drops hear."""

    cell: Array  # [B, U, N] int64, which cell each link leads to; the own one first, where some cells have no link
    serving: Array  # [B, U] int64
    activity: Array  # [B, C, K]
    rest: Array  # [B, U, K] interference of the cells that have no link here; [B, 0, K] where all have


class Heard(NamedTuple):
    """What is written."""

    sinr: Array  # [B, U, K]
    bits: Array  # [B, U, K] reported for each PRB
    mean_bits: Array  # [B, U] over the carrier


@Loop
def hear(b: int, start: int, stop: int, response: Array, links: Links, bits_of_sinr: Array, out: Heard) -> None:
    """SINR of some users of a drop on every PRB, as :func:`phy.link.sinr` gives it, and their reports.

    Args:
        b: the drop.
        start: its first user here.
        stop: the first who is not.
        response: ``[R, 2K]`` real and imaginary part of the users' links, N rows a user.
        links: of all drops.
        bits_of_sinr: on the log grid.
        out: of all drops, written.
    """
    count, prbs = links.cell.shape[2], links.activity.shape[2]
    part, total = np.empty(prbs, response.dtype), np.empty(prbs, response.dtype)
    one, first = part.dtype.type(1.0), 1 if links.rest.shape[1] else 0
    for u in range(start, stop):
        gamma, serving = out.sinr[b, u], links.serving[b, u]
        part[:] = 0.0
        total[:] = 0.0
        for n in range(count):
            link, c = response[(u - start) * count + n], links.cell[b, u, n]
            if n > first and (n - first) % _TOGETHER == 0:
                for k in range(prbs):
                    total[k] += part[k]
                    part[k] = 0.0
            if c == serving:
                for k in range(prbs):
                    gamma[k] = link[k] * link[k] + link[prbs + k] * link[prbs + k]
            else:
                share = links.activity[b, c]
                for k in range(prbs):
                    part[k] += (link[k] * link[k] + link[prbs + k] * link[prbs + k]) * share[k]
        for k in range(prbs):
            part[k] += total[k]
        if first:
            for k in range(prbs):
                part[k] += links.rest[b, u, k]
        for k in range(prbs):
            gamma[k] = gamma[k] / (part[k] + one)
        out.mean_bits[b, u] = _reported(gamma, bits_of_sinr, out.bits[b, u])


def _touches(
    b: int, start: int, stop: int, response: Array, links: Links, _: Array, out: Heard
) -> list[tuple[Array, ...]]:
    """What :func:`hear` reads and writes."""
    own = slice(start, stop)
    rest = links.rest[b, own]
    read = response[: (stop - start) * links.cell.shape[2]], links.cell[b, own], links.serving[b, own], rest
    return [(*read, links.activity[b]), tuple(values[b, own] for values in out)]


hear.touches = _touches


@Loop
def report(start: int, stop: int, sinr: Array, bits_of_sinr: Array, bits: Array, mean_bits: Array) -> None:
    """Bits reported for each PRB, and their mean over the carrier, of some drops from the SINR ``[B, U, K]``."""
    for b in range(start, stop):
        for u in range(sinr.shape[1]):
            mean_bits[b, u] = _reported(sinr[b, u], bits_of_sinr, bits[b, u])


@inlined
def _reported(sinr: Array, bits_of_sinr: Array, bits: Array) -> Any:
    total = 0.0
    for k in range(len(sinr)):
        bits[k] = bits_of_sinr[grid_index(sinr[k])]
    for k in range(len(sinr)):
        total += bits[k]
    return total / len(sinr)


def sinr(drops: range, coordinates: Tensor, to_prbs: Tensor, links: Links, bits_of_sinr: Array, out: Heard) -> None:
    """:func:`phy.link.sinr` of several cells on a CPU, number for number, and the reports.

    Args:
        drops: those to look at.
        coordinates: ``[B, U, N * 2D]`` of one slot, of all drops, like what follows.
        to_prbs: ``[2D, 2K]``; D = 0 where the coordinates are those on PRBs.
        links: whose coordinates these are, and what disturbs them.
        bits_of_sinr: bits reported for a PRB, on the log grid.
        out: written.
    """
    users, (_, _, count), prbs = coordinates.shape[1], links.cell.shape, links.activity.shape[2]
    size = len(to_prbs) or 2 * prbs
    of_drop = coordinates.reshape(len(coordinates), users * count, size).unbind()
    if len(to_prbs) == 0:
        for b in drops:
            hear(b, 0, users, of_drop[b].numpy(), links, bits_of_sinr, out)
        return
    rows = min(users, rows_at_once(coordinates, count, prbs))
    response = coordinates.new_empty((rows * count, 2 * prbs))
    array = response.numpy()
    for b in drops:  # blocks of one fixed shape round alike in every batch
        for start in range(0, users, rows):
            stop = min(start + rows, users)
            into = response if stop - start == rows else response[: (stop - start) * count]
            torch.mm(of_drop[b] if rows == users else of_drop[b][start * count : stop * count], to_prbs, out=into)
            hear(b, start, stop, array, links, bits_of_sinr, out)
