"""What users hear, as one pass over the responses of their links; the torch form is :mod:`phy.link`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .compiled_loggrid import grid_index
from .compiling import compiled
from .link import rows_at_once

Array = np.ndarray

_TOGETHER = 16  # cells summed up before they are added to the others, which is how torch sums


@compiled
def hear(response: Array, cell: Array, serving: Array, activity: Array, rest: Array, out: Array) -> None:
    """SINR of some users of a drop on every PRB, as :func:`phy.link.sinr` gives it.

    Args:
        response: ``[R, N, 2K]`` real and imaginary part of the links to N cells.
        cell: ``[R, N]`` which cell each of them is; the own one first, where not all cells are among them.
        serving: ``[R]`` the own cell, which is one of them.
        activity: ``[C, K]`` of the cells.
        rest: ``[R, K]`` interference of the cells that are not among them; ``[0, K]`` where all are.
        out: ``[R, K]``, written.
    """
    users, links, both = response.shape
    prbs = both // 2
    part, total = np.empty(prbs, response.dtype), np.empty(prbs, response.dtype)
    one, first = part.dtype.type(1.0), 1 if len(rest) else 0
    for u in range(users):
        part[:] = 0.0
        total[:] = 0.0
        for n in range(links):
            link, c = response[u, n], cell[u, n]
            if n > first and (n - first) % _TOGETHER == 0:
                for k in range(prbs):
                    total[k] += part[k]
                    part[k] = 0.0
            if c == serving[u]:
                for k in range(prbs):
                    out[u, k] = link[k] * link[k] + link[prbs + k] * link[prbs + k]
            else:
                share = activity[c]
                for k in range(prbs):
                    part[k] += (link[k] * link[k] + link[prbs + k] * link[prbs + k]) * share[k]
        if len(rest):
            for k in range(prbs):
                total[k] += rest[u, k]
        for k in range(prbs):
            out[u, k] = out[u, k] / (part[k] + total[k] + one)


@compiled
def report(sinr: Array, bits_of_sinr: Array, bits: Array, mean_bits: Array) -> None:
    """Bits reported for each PRB, and their mean over the carrier, ``[R, K]`` and ``[R]``, from the SINR ``[R, K]``."""
    users, prbs = sinr.shape
    for u in range(users):
        total = 0.0
        for k in range(prbs):
            bits[u, k] = bits_of_sinr[grid_index(sinr[u, k])]
        for k in range(prbs):
            total += bits[u, k]
        mean_bits[u] = total / prbs


def sinr(
    coordinates: Tensor, to_prbs: Tensor, cell: Tensor, serving: Tensor, activity: Tensor, rest: Tensor | None = None
) -> Tensor:
    """:func:`phy.link.sinr` of several cells on a CPU, number for number.

    Args:
        coordinates: ``[B, U, N * 2D]`` of one slot.
        to_prbs: ``[2D, 2K]``.
        cell: ``[B, U, N]`` int64, which cell each of the N links leads to.
        serving: ``[B, U]`` int64.
        activity: ``[B, C, K]``.
        rest: ``[B, U, K]`` interference of the cells that have no link of their own here; None where all have.
    """
    batch, users, _ = coordinates.shape
    links, prbs = cell.shape[2], activity.shape[2]
    rows, size = rows_at_once(coordinates, links, prbs), len(to_prbs)
    out = coordinates.new_empty((batch, users, prbs))
    if rest is None:
        rest = coordinates.new_empty((batch, 0, prbs))
    response = coordinates.new_empty((rows * links, 2 * prbs))
    arrays = [values.numpy() for values in (cell, serving, activity, rest, out)]
    for b in range(batch):  # blocks of one fixed shape round alike in every batch
        cells, own, active, others, into = (array[b] for array in arrays)
        for first in range(0, users, rows):
            block = slice(first, first + rows)
            part = coordinates[b, block].reshape(-1, size)
            heard = torch.mm(part, to_prbs, out=response[: len(part)]).view(-1, links, 2 * prbs)
            hear(heard.numpy(), cells[block], own[block], active, others[block], into[block])
    return out
