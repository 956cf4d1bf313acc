"""Computes SINR and reports of UEs in one pass over the responses of their links; the torch form is
:mod:`phy.link.sinr`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..numerics.jit import Loop, inlined
from ..numerics.log_grid_numba import grid_index
from .sinr import is_folded, rows_at_once

Array = np.ndarray

_TOGETHER = 16  # cells summed up before they are added to the others, which is how torch sums


class Links(NamedTuple):
    """Describes the links of the UEs of B drops."""

    cell: Array  # [B, U, J] int64, which cell each link leads to; the own one first, where some cells have no link
    serving: Array  # [B, U] int64
    activity: Array  # [B, C, K]
    rest: Array  # [B, U, K] interference of the cells that have no link here; [B, 0, K] where all have


class Heard(NamedTuple):
    """Holds the arrays that :func:`hear` writes."""

    sinr: Array  # [B, U, K]
    bits: Array  # [B, U, K] reported for each PRB
    mean_bits: Array  # [B, U] over the carrier


@Loop
def hear(
    b: int, start: int, stop: int, response: Array, prb: Array, links: Links, bits_of_sinr: Array, out: Heard
) -> None:
    """Computes the SINR of some UEs of a drop on every PRB, as :func:`phy.link.sinr.sinr` does, and their reports.

    Args:
        b: the drop.
        start: its first UE here.
        stop: the first UE after them.
        response: ``[R, 2K]`` real and imaginary part of the UEs' links, J rows a UE; ``[2R, K]`` where folded.
        prb: ``[K]`` the PRBs in the order in which they are computed, see :func:`in_order`.
        links: of all drops, their activity in this order.
        bits_of_sinr: on the log grid.
        out: of all drops, written.
    """
    count, prbs = links.cell.shape[2], links.activity.shape[2]
    kind = response.dtype
    part, total, power, own = np.empty(prbs, kind), np.empty(prbs, kind), np.empty(prbs, kind), np.empty(prbs, kind)
    one, first = part.dtype.type(1.0), 1 if links.rest.shape[1] else 0
    for u in range(start, stop):
        gamma, serving = out.sinr[b, u], links.serving[b, u]
        part[:] = 0.0
        total[:] = 0.0
        for n in range(count):
            c = links.cell[b, u, n]
            if n > first and (n - first) % _TOGETHER == 0:
                for k in range(prbs):
                    total[k] += part[k]
                    part[k] = 0.0
            _power((u - start) * count + n, response, power)
            if c == serving:
                own[:] = power
            else:
                share = links.activity[b, c]
                for k in range(prbs):
                    part[k] += power[k] * share[k]
        for k in range(prbs):
            part[k] += total[k]
        if first:
            for k in range(prbs):
                part[k] += links.rest[b, u, prb[k]]
        for k in range(prbs):
            part[k] = own[k] / (part[k] + one)
        for k in range(prbs):
            gamma[prb[k]] = part[k]
        out.mean_bits[b, u] = _reported(gamma, bits_of_sinr, out.bits[b, u])


def _touches(
    b: int, start: int, stop: int, response: Array, prb: Array, links: Links, _: Array, out: Heard
) -> list[tuple[Array, ...]]:
    """What :func:`hear` reads and writes."""
    own = slice(start, stop)
    rest, rows = links.rest[b, own], (stop - start) * links.cell.shape[2]
    read = response[: rows * 2 * len(prb) // response.shape[1]], links.cell[b, own], links.serving[b, own], rest
    return [(*read, links.activity[b]), tuple(values[b, own] for values in out)]


hear.touches = _touches


@Loop
def report(start: int, stop: int, sinr: Array, bits_of_sinr: Array, bits: Array, mean_bits: Array) -> None:
    """Computes the bits reported for each PRB, and their mean over PRBs, of some drops from the SINR ``[B, U, K]``."""
    for b in range(start, stop):
        for u in range(sinr.shape[1]):
            mean_bits[b, u] = _reported(sinr[b, u], bits_of_sinr, bits[b, u])


@cache
def in_order(prbs: int, folded: bool) -> Array:
    """Returns the PRBs ``[K]`` in the order in which powers are computed: each side from the outside in, if folded."""
    prb, high = np.arange(prbs), prbs - prbs // 2
    return np.concatenate((prb[:high], prb[: high - 1 : -1])) if folded else prb


@inlined
def _power(row: int, response: Array, power: Array) -> None:
    """Power of a link on each PRB, in that order. Indices of slices start at 0: only then are there vectors."""
    prbs = len(power)
    if response.shape[1] > prbs:
        re, im = response[row, :prbs], response[row, prbs:]
        for k in range(prbs):
            power[k] = re[k] * re[k] + im[k] * im[k]
        return
    low, high, re, im = prbs // 2, prbs - prbs // 2, response[2 * row], response[2 * row + 1]
    re_odd, im_odd, above = re[high:], im[high:], power[high:]
    for k in range(low):
        real, imag = re[k] - im_odd[k], im[k] + re_odd[k]
        power[k] = real * real + imag * imag
    for k in range(low, high):
        power[k] = re[k] * re[k] + im[k] * im[k]
    for k in range(low):
        real, imag = re[k] + im_odd[k], im[k] - re_odd[k]
        above[k] = real * real + imag * imag


@inlined
def _reported(sinr: Array, bits_of_sinr: Array, bits: Array) -> Any:
    total = 0.0
    for k in range(len(sinr)):
        bits[k] = bits_of_sinr[grid_index(sinr[k])]
    for k in range(len(sinr)):
        total += bits[k]
    return total / len(sinr)


def sinr(drops: range, coordinates: Tensor, to_prbs: Tensor, links: Links, bits_of_sinr: Array, out: Heard) -> None:
    """Computes :func:`phy.link.sinr.sinr` of several cells on a CPU, with the same numbers, and the reports.

    Args:
        drops: those to look at.
        coordinates: ``[B, U, J * 2D]`` of one slot, of all drops, like what follows.
        to_prbs: ``[2D, 2K]``, or folded; D = 0 where the coordinates are those on PRBs.
        links: whose coordinates these are, and what disturbs them.
        bits_of_sinr: bits reported for a PRB, on the log grid.
        out: written.
    """
    users, (_, _, count), prbs = coordinates.shape[1], links.cell.shape, links.activity.shape[2]
    size, folded = len(to_prbs) or 2 * prbs, is_folded(coordinates, to_prbs, count)
    of_drop, prb = coordinates.reshape(len(coordinates), -1, size).unbind(), in_order(prbs, folded)
    if len(to_prbs) == 0:
        for b in drops:
            hear(b, 0, users, of_drop[b].numpy(), prb, links, bits_of_sinr, out)
        return
    rows = min(users, rows_at_once(coordinates, count, prbs))
    each = 2 * count if folded else count  # rows of a UE
    if folded:
        links = links._replace(activity=links.activity.take(prb, 2))
    response = coordinates.new_empty((rows * each, to_prbs.shape[1]))
    array = response.numpy()
    for b in drops:  # blocks of one fixed shape round alike in every batch
        for start in range(0, users, rows):
            stop = min(start + rows, users)
            into = response if stop - start == rows else response[: (stop - start) * each]
            torch.mm(of_drop[b] if rows == users else of_drop[b][start * each : stop * each], to_prbs, out=into)
            hear(b, start, stop, array, prb, links, bits_of_sinr, out)
