"""What users hear, as one pass over the responses of their links; the torch form is :mod:`phy.link`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .compiled_loggrid import grid_index
from .compiling import compiled, inlined
from .link import rows_at_once

Array = np.ndarray
Arrays = tuple[Array, ...]

_TOGETHER = 16  # cells summed up before they are added to the others, which is how torch sums


class Links(NamedTuple):
    """What users of B drops hear."""

    cell: Tensor  # [B, U, N] int64, which cell each link leads to; the own one first, where some cells have no link
    serving: Tensor  # [B, U] int64
    activity: Tensor  # [B, C, K]
    rest: Tensor | None  # [B, U, K] interference of the cells that have no link here; None where all have


class Heard(NamedTuple):
    """What is written."""

    sinr: Tensor  # [B, U, K]
    bits: Tensor  # [B, U, K] reported for each PRB
    mean_bits: Tensor  # [B, U] over the carrier


@compiled
def hear(
    response: Array, cell: Array, serving: Array, activity: Array, rest: Array, bits_of_sinr: Array, out: Arrays
) -> None:
    """SINR of some users of a drop on every PRB, as :func:`phy.link.sinr` gives it, and their reports.

    Args:
        response: ``[R, N, 2K]`` real and imaginary part of the links to N cells.
        cell: ``[R, N]`` which cell each of them is; the own one first, where not all cells are among them.
        serving: ``[R]`` the own cell, which is one of them.
        activity: ``[C, K]`` of the cells.
        rest: ``[R, K]`` interference of the cells that are not among them; ``[0, K]`` where all are.
        bits_of_sinr: on the log grid.
        out: SINR and bits ``[R, K]`` and mean bits ``[R]``, written.
    """
    users, links, both = response.shape
    prbs = both // 2
    part, total = np.empty(prbs, response.dtype), np.empty(prbs, response.dtype)
    one, first = part.dtype.type(1.0), 1 if len(rest) else 0
    sinr, bits, mean_bits = out
    for u in range(users):
        gamma = sinr[u]
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
                    gamma[k] = link[k] * link[k] + link[prbs + k] * link[prbs + k]
            else:
                share = activity[c]
                for k in range(prbs):
                    part[k] += (link[k] * link[k] + link[prbs + k] * link[prbs + k]) * share[k]
        for k in range(prbs):
            part[k] += total[k]
        if len(rest):
            for k in range(prbs):
                part[k] += rest[u, k]
        for k in range(prbs):
            gamma[k] = gamma[k] / (part[k] + one)
        mean_bits[u] = _reported(gamma, bits_of_sinr, bits[u])


@compiled
def report(sinr: Array, bits_of_sinr: Array, bits: Array, mean_bits: Array) -> None:
    """Bits reported for each PRB, and their mean over the carrier, from the SINR ``[B, U, K]``."""
    for b in range(len(sinr)):
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


def sinr(coordinates: Tensor, to_prbs: Tensor, links: Links, bits_of_sinr: Array, out: Heard) -> None:
    """:func:`phy.link.sinr` of several cells on a CPU, number for number, and the reports.

    Args:
        coordinates: ``[B, U, N * 2D]`` of one slot.
        to_prbs: ``[2D, 2K]``.
        links: whose coordinates these are, and what disturbs them.
        bits_of_sinr: bits reported for a PRB, on the log grid.
        out: written.
    """
    batch, users, _ = coordinates.shape
    count, prbs = links.cell.shape[2], links.activity.shape[2]
    rows, size = rows_at_once(coordinates, count, prbs), len(to_prbs)
    rest = coordinates.new_empty((batch, 0, prbs)) if links.rest is None else links.rest
    response = coordinates.new_empty((rows * count, 2 * prbs))
    cell, serving, active, others = (values.numpy() for values in (links.cell, links.serving, links.activity, rest))
    gamma, bits, mean = (values.numpy() for values in out)
    for b in range(batch):  # blocks of one fixed shape round alike in every batch
        for first in range(0, users, rows):
            own = slice(first, first + rows)
            part = coordinates[b, own].reshape(-1, size)
            heard = torch.mm(part, to_prbs, out=response[: len(part)]).view(-1, count, 2 * prbs).numpy()
            written = gamma[b, own], bits[b, own], mean[b, own]
            hear(heard, cell[b, own], serving[b, own], active[b], others[b, own], bits_of_sinr, written)
