"""Computes the links of an uplink slot: those of the UEs that send, to all cells, and those of all UEs to their own
cells.

Links are reciprocal: power over noise that a cell would hear is that of the downlink, times the ratio of the powers and
noise figures at the two ends. Everything is computed drop by drop, in products of one fixed shape, so that a drop is
the same in every batch to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

_BLOCK_BYTES = 1 << 19  # of links of a block of PRBs on a CPU


def steering_of_prbs(to_prbs: Tensor) -> Tensor:
    """Rearranges the matrix from coordinates to real and imaginary part PRB by PRB: ``[K, 2, 2D]`` of ``[2D, 2K]``."""
    size, both = to_prbs.shape
    return to_prbs.view(size, 2, both // 2).permute(2, 1, 0).contiguous()


def scheduled_links(coordinates: Tensor, steering: Tensor, scheduled: Tensor) -> Tensor:
    """Computes |h|^2 between the UE scheduled on PRB k in cell i and cell c, on that PRB only,
    ``[B, K, C (i), C (c)]``.

    Args:
        coordinates: ``[B, U, C * 2D]`` of one slot, from :meth:`phy.channel.fading.Fading.coordinates`.
        steering: ``[K, 2, 2D]`` from :func:`steering_of_prbs`.
        scheduled: int64 ``[B, K, C]``, a UE for every PRB of every cell.
    """
    prbs, _, size = steering.shape
    cells = scheduled.shape[-1]
    links = coordinates.view(*coordinates.shape[:2], cells, size)
    out = coordinates.new_empty((len(links), prbs, cells * cells))
    rows = _prbs_at_once(coordinates, prbs, cells * cells * size)
    for drop, held, power in zip(links, scheduled, out, strict=True):
        for first in range(0, prbs, rows):  # blocks that a cache holds
            block = slice(first, first + rows)
            those = drop.index_select(0, held[block].reshape(-1)).view(-1, cells * cells, size)
            parts = torch.bmm(steering[block], those.transpose(1, 2)).square_()
            torch.add(parts[:, 0], parts[:, 1], out=power[block])
    return out.view(-1, prbs, cells, cells)


def signal_and_interference(links: Tensor, sent: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the power that each cell receives on each PRB, over noise: of its own UE, and of all others with the
    noise.

        S[c,k] = p[c,k] |h[c,c,k]|^2,    N[c,k] = 1 + sum_{i != c} p[i,k] |h[i,c,k]|^2

    Args:
        links: ``[B, K, C (i), C (c)]`` from :func:`scheduled_links`; overwritten.
        sent: ``[B, K, C (i)]`` power on each PRB of each cell over the reference of the links, 0 where no UE sends.

    Returns:
        S and N, both ``[B, C, K]``.
    """
    received = links.mul_(sent[..., None])
    own = received.diagonal(dim1=2, dim2=3).clone()
    received.diagonal(dim1=2, dim2=3).zero_()
    disturbed = torch.stack([drop.sum(1) for drop in received]).add_(1.0)
    return own.transpose(1, 2).contiguous(), disturbed.transpose(1, 2).contiguous()


def own_links(coordinates: Tensor, to_prbs: Tensor, serving: Tensor) -> Tensor:
    """Computes |h|^2 of every UE to its serving cell, ``[B, U, K]``.

    Args:
        coordinates: ``[B, U, C * 2D]`` of one slot.
        to_prbs: ``[2D, 2K]``, see :class:`phy.channel.fading.SmallScale`.
        serving: int64 ``[B, U]``.
    """
    size, both = to_prbs.shape
    links = coordinates.view(*coordinates.shape[:2], -1, size)
    own = links.gather(2, serving[..., None, None].expand(-1, -1, 1, size))[:, :, 0]
    response = torch.stack([torch.mm(drop, to_prbs) for drop in own]).square_()
    return response[..., : both // 2] + response[..., both // 2 :]


def _prbs_at_once(coordinates: Tensor, prbs: int, numbers: int) -> int:
    """Returns the PRBs of a block of links of ``numbers`` each: as many as a CPU's cache holds, all elsewhere."""
    if coordinates.device.type != "cpu":
        return prbs
    return max(1, min(prbs, _BLOCK_BYTES // (numbers * coordinates.element_size())))
