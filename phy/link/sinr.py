"""Computes the SINR of every UE on every PRB, with interference from the PRBs that the other cells use."""

from __future__ import annotations

import torch
from torch import Tensor

from .dominant_interferers import DominantLinks
from .folded_response import unfold_product

_SINGLE_CELL_ROWS = 256  # UEs of a block where there is one cell only
_VECTORS = 64  # numbers that fill the vectors of any CPU that are summed up side by side
_BLOCK_BYTES = 1 << 20  # working set of one block of UEs on a CPU: what its second-level cache holds


def sinr(
    coordinates: Tensor, to_prbs: Tensor, serving: Tensor, activity: Tensor, faded: DominantLinks | None = None
) -> Tensor:
    """Computes the downlink SINR of each UE if its own cell served it now, ``[B, U, K]`` linear.

        gamma[u,k] = |h[u,s(u),k]|^2 / (1 + sum_{c != s(u)} activity[c,k] |h[u,c,k]|^2)

    Powers are relative to the noise of a PRB.

    Args:
        coordinates: ``[B, U, C * 2D]`` of one slot, from :meth:`phy.channel.fading.Fading.coordinates`.
        to_prbs: ``[2D, 2K]`` from coordinates to real and imaginary part on each PRB; ``[D, K]`` where it is folded
            (:mod:`phy.link.folded_response`); without rows where the coordinates are these parts.
        serving: ``[B, U]`` int64.
        activity: ``[B, C, K]`` share of full power that each cell spends on each PRB, 0 to 1.
        faded: whose links the coordinates are, where these are not all C cells.
    """
    if at_once(coordinates):
        return sinr_at_once(coordinates, to_prbs, serving, activity, faded)
    if activity.shape[1] == 1:
        return snr(coordinates, to_prbs)
    if faded is not None:
        return _sinr_of_some(coordinates, to_prbs, faded, activity)
    batch, users, _ = coordinates.shape
    cells, prbs = activity.shape[1:]
    rows = rows_at_once(coordinates, cells, prbs)
    out = coordinates.new_empty((batch, users, prbs))
    for b in range(batch):  # blocks of one fixed shape round alike in every batch
        for first in range(0, users, rows):
            block = slice(first, first + rows)
            out[b, block] = _sinr_block(coordinates[b, block], to_prbs, serving[b, block], activity[b])
    return out


def at_once(coordinates: Tensor) -> bool:
    """Returns whether all UEs of all drops are one block: on a GPU, whose memory needs none, and in traced code."""
    return coordinates.device.type != "cpu" or torch.compiler.is_compiling()


def sinr_at_once(
    coordinates: Tensor, to_prbs: Tensor, serving: Tensor, activity: Tensor, faded: DominantLinks | None
) -> Tensor:
    """Computes :func:`sinr` in as few operations as possible, whatever the batch; equal up to rounding."""
    batch, users, _ = coordinates.shape
    cells, prbs = activity.shape[1:]
    links = cells if faded is None else faded.cell.shape[2]
    response = on_prbs(coordinates, to_prbs, links).view(batch, users, links, 2, prbs)
    power = response[..., 0, :].square() + response[..., 1, :].square()
    if faded is None:
        number = torch.arange(cells, device=serving.device)
        own = (number == serving[..., None])[..., None]
        signal = torch.where(own, power, 0.0).sum(2)
        return signal / (torch.where(own, 0.0, power) * activity[:, None]).sum(2).add(1.0)
    others = faded.cell[:, :, 1:].flatten(1)[..., None].expand(-1, -1, prbs)
    active = activity.gather(1, others).view(batch, users, links - 1, prbs)
    rest = torch.bmm(faded.rest_snr, activity)
    return power[:, :, 0] / ((power[:, :, 1:] * active).sum(2) + rest).add(1.0)


def snr(coordinates: Tensor, to_prbs: Tensor) -> Tensor:
    """Computes the SINR of a single cell, ``[B, U, K]`` linear, without interference, in blocks of one fixed shape."""
    batch, users, size = coordinates.shape
    rows = coordinates.reshape(-1, size)
    short = -len(rows) % _SINGLE_CELL_ROWS
    padded = torch.nn.functional.pad(rows, (0, 0, 0, short))
    power = [received_power(part, to_prbs, 1)[:, 0] for part in padded.split(_SINGLE_CELL_ROWS)]
    return torch.cat(power)[: len(rows)].view(batch, users, -1)


def on_prbs(coordinates: Tensor, to_prbs: Tensor, links: int) -> Tensor:
    """Computes real and imaginary part on each PRB, a row a link, ``[R, 2K]`` from ``[..., links * 2D]``."""
    if len(to_prbs) == 0:
        return coordinates.reshape(-1, to_prbs.shape[1])
    product = torch.mm(coordinates.reshape(-1, len(to_prbs)), to_prbs)
    return unfold_product(product) if is_folded(coordinates, to_prbs, links) else product


def is_folded(coordinates: Tensor, to_prbs: Tensor, links: int) -> bool:
    """Returns whether the matrix is folded, whose coordinates ``[..., links * 2D]`` these are."""
    return coordinates.shape[-1] == 2 * links * len(to_prbs)


def received_power(coordinates: Tensor, to_prbs: Tensor, cells: int) -> Tensor:
    """Computes each link's received power on each PRB over a PRB's noise, ``[U, C, K]`` from ``[U, C * 2D]``."""
    response = on_prbs(coordinates, to_prbs, cells).square()
    prbs = response.shape[1] // 2
    return (response[:, :prbs] + response[:, prbs:]).view(-1, cells, prbs)


def _sinr_block(coordinates: Tensor, to_prbs: Tensor, serving: Tensor, activity: Tensor) -> Tensor:
    cells, prbs = activity.shape
    power = received_power(coordinates, to_prbs, cells)
    own = serving[:, None, None].expand(-1, 1, prbs)
    signal = power.gather(1, own)[:, 0]
    power.scatter_(1, own, 0.0)
    interference = _summed(power.mul_(activity))
    return signal / interference.add_(1.0)


def _sinr_of_some(coordinates: Tensor, to_prbs: Tensor, faded: DominantLinks, activity: Tensor) -> Tensor:
    """The same where some links fade, the own cell's first, and the others are heard at their mean."""
    batch, users, links = faded.cell.shape
    prbs = activity.shape[2]
    rows, out = rows_at_once(coordinates, links, prbs), coordinates.new_empty((batch, users, prbs))
    rest = faded.interference(activity)
    for b in range(batch):
        for first in range(0, users, rows):
            block = slice(first, first + rows)
            power = received_power(coordinates[b, block], to_prbs, links)
            active = activity[b].index_select(0, faded.cell[b, block, 1:].flatten()).view(len(power), links - 1, prbs)
            interference = _summed(power[:, 1:] * active) + rest[b, block]
            out[b, block] = power[:, 0] / interference.add_(1.0)
    return out


def _summed(power: Tensor) -> Tensor:
    """Sum over cells ``[U, K]`` from ``[U, C, K]``, on a CPU in the same order for every PRB.

    Torch adds PRBs that fill its vectors cell by cell in groups of 16, and those that are left over in another order.
    """
    prbs = power.shape[-1]
    if power.device.type == "cpu" and prbs % _VECTORS:
        return torch.nn.functional.pad(power, (0, -prbs % _VECTORS)).sum(1)[:, :prbs]
    return power.sum(1)


def rows_at_once(coordinates: Tensor, cells: int, prbs: int) -> int:
    """Computes the number of UEs of a block: as many as the cache holds."""
    return max(1, _BLOCK_BYTES // (cells * 2 * prbs * coordinates.element_size()))
