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
from .response import FrequencyBasis, OnPrbs, Response, SymmetricBasis

Array = np.ndarray

_BLOCK_BYTES = 1 << 20  # working set of one block of UEs on a CPU: what its second-level cache holds


class CellLinks(NamedTuple):
    """Describes the links of the UEs of B drops."""

    cell: Array  # [B, U, J] int64, which cell each link leads to; the own one first, where some cells have no link
    serving: Array  # [B, U] int64
    activity: Array  # [B, C, K]
    rest: Array  # [B, U, K] interference of the cells that have no link here; [B, 0, K] where all have


class SinrAndReports(NamedTuple):
    """Holds the arrays that :func:`sinr_and_reports` writes."""

    sinr: Array  # [B, U, K]
    bits: Array  # [B, U, K] reported for each PRB
    mean_bits: Array  # [B, U] over the carrier


@Loop
def sinr_and_reports(
    b: int,
    start: int,
    stop: int,
    response: Array,
    prb: Array,
    links: CellLinks,
    bits_of_sinr: Array,
    out: SinrAndReports,
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
    part, power, own = np.empty(prbs, kind), np.empty(prbs, kind), np.empty(prbs, kind)
    one, rest = part.dtype.type(1.0), links.rest.shape[1] > 0
    for u in range(start, stop):
        gamma, serving = out.sinr[b, u], links.serving[b, u]
        part[:] = 0.0
        for n in range(count):
            c = links.cell[b, u, n]
            link_power((u - start) * count + n, response, power)
            if c == serving:
                for k in range(prbs):  # compiles in half of the time of a slice, which can raise an error
                    own[k] = power[k]
            else:
                share = links.activity[b, c]
                for k in range(prbs):
                    part[k] += power[k] * share[k]
        if rest:
            for k in range(prbs):
                part[k] += links.rest[b, u, prb[k]]
        for k in range(prbs):
            part[k] = own[k] / (part[k] + one)
        for k in range(prbs):
            gamma[prb[k]] = part[k]
        out.mean_bits[b, u] = reported(gamma, bits_of_sinr, out.bits[b, u])


def _touches(
    b: int, start: int, stop: int, response: Array, prb: Array, links: CellLinks, _: Array, out: SinrAndReports
) -> list[tuple[Array, ...]]:
    """Returns what :func:`sinr_and_reports` reads and writes."""
    own = slice(start, stop)
    rest, rows = links.rest[b, own], (stop - start) * links.cell.shape[2]
    read = response[: rows * 2 * len(prb) // response.shape[1]], links.cell[b, own], links.serving[b, own], rest
    return [(*read, links.activity[b]), tuple(values[b, own] for values in out)]


sinr_and_reports.touches = _touches


@cache
def in_order(prbs: int, folded: bool) -> Array:
    """Returns the PRBs ``[K]`` in the order in which powers are computed: each side from the outside in, if folded."""
    prb, high = np.arange(prbs), prbs - prbs // 2
    return np.concatenate((prb[:high], prb[: high - 1 : -1])) if folded else prb


@inlined
def link_power(row: int, response: Array, power: Array) -> None:
    """Computes the power of a link on each PRB, in that order.

    Indices of slices start at 0: only then does the compiler use vectors.
    """
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
def reported(sinr: Array, bits_of_sinr: Array, bits: Array) -> Any:
    """Computes the bits that a UE reports for each PRB, and returns their mean."""
    index, total = np.empty(len(sinr), np.int32), 0.0
    for k in range(len(sinr)):  # apart from the look-up, so that it is computed in vectors
        index[k] = grid_index(sinr[k])
    for k in range(len(sinr)):
        bits[k] = bits_of_sinr[np.uint32(index[k])]  # an unsigned index counts from no end
    for k in range(len(sinr)):
        total += bits[k]
    return total / len(sinr)


def sinr(drops: range, response: Response, links: CellLinks, bits_of_sinr: Array, out: SinrAndReports) -> None:
    """Computes :func:`phy.link.sinr.sinr` of some drops on a CPU, and the reports.

    Args:
        drops: those to look at.
        response: of all drops in one slot, like what follows.
        links: the cells of these responses, and what disturbs them.
        bits_of_sinr: bits reported for a PRB, on the log grid.
        out: written.
    """
    users, prbs, basis = response.coordinates.shape[1], links.activity.shape[2], response.basis
    folded = isinstance(basis, SymmetricBasis)
    prb = in_order(prbs, folded)
    if isinstance(basis, OnPrbs):
        rows_of_drop = response.coordinates.reshape(len(response.coordinates), -1, basis.size).unbind()
        for b in drops:
            sinr_and_reports(b, 0, users, rows_of_drop[b].numpy(), prb, links, bits_of_sinr, out)
        return
    assert isinstance(basis, FrequencyBasis | SymmetricBasis)
    of_drop = response.coordinates.reshape(len(response.coordinates), -1, len(basis.matrix)).unbind()
    rows = min(users, users_at_once(response.coordinates, links.cell.shape[2], prbs))
    each = of_drop[0].shape[0] // users  # rows of a UE
    if folded:
        links = links._replace(activity=links.activity.take(prb, 2))
    product = response.coordinates.new_empty((rows * each, basis.matrix.shape[1]))
    array = product.numpy()
    for b in drops:  # blocks of one fixed shape round alike in every batch
        for start in range(0, users, rows):
            stop = min(start + rows, users)
            into = product if stop - start == rows else product[: (stop - start) * each]
            own = of_drop[b] if rows == users else of_drop[b][start * each : stop * each]
            torch.mm(own, basis.matrix, out=into)
            sinr_and_reports(b, start, stop, array, prb, links, bits_of_sinr, out)


def users_at_once(coordinates: Tensor, links: int, prbs: int) -> int:
    """Computes the number of UEs of a block: as many as the cache holds."""
    return max(1, _BLOCK_BYTES // (links * 2 * prbs * coordinates.element_size()))
