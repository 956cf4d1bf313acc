"""SINR of every user on every PRB, with interference from the PRBs that the other cells really use."""

from __future__ import annotations

import torch
from torch import Tensor

from .faded import Faded

_SINGLE_CELL_ROWS = 256  # users of a block where there is but one cell
_BLOCK_BYTES = 1 << 20  # working set of one block of users on a CPU: what its second-level cache holds


def sinr(coordinates: Tensor, to_prbs: Tensor, serving: Tensor, activity: Tensor, faded: Faded | None = None) -> Tensor:
    """Downlink SINR as each user's own cell would serve it now, ``[B, U, K]`` linear.

        gamma[u,k] = |h[u,s(u),k]|^2 / (1 + sum_{c != s(u)} activity[c,k] |h[u,c,k]|^2)

    Powers are relative to the noise of a PRB.

    Args:
        coordinates: ``[B, U, C * 2D]`` of one slot, from :meth:`phy.fading.Fading.coordinates`.
        to_prbs: ``[2D, 2K]`` from coordinates to real and imaginary part on each PRB.
        serving: ``[B, U]`` int64.
        activity: ``[B, C, K]`` share of full power that each cell spends on each PRB, 0 to 1.
        faded: whose links the coordinates are, where these are not all C cells.
    """
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


def snr(coordinates: Tensor, to_prbs: Tensor) -> Tensor:
    """The SINR of a single cell, where nobody interferes: the users of all drops in blocks of one fixed shape."""
    batch, users, size = coordinates.shape
    rows = coordinates.reshape(-1, size)
    short = -len(rows) % _SINGLE_CELL_ROWS
    padded = torch.nn.functional.pad(rows, (0, 0, 0, short))
    power = [received_power(part, to_prbs, 1)[:, 0] for part in padded.split(_SINGLE_CELL_ROWS)]
    return torch.cat(power)[: len(rows)].view(batch, users, -1)


def received_power(coordinates: Tensor, to_prbs: Tensor, cells: int) -> Tensor:
    """Received power of every link on every PRB over the noise of a PRB, ``[U, C, K]`` from ``[U, C * 2D]``."""
    size, both = to_prbs.shape
    response = torch.mm(coordinates.reshape(-1, size), to_prbs).square_()
    return (response[:, : both // 2] + response[:, both // 2 :]).view(-1, cells, both // 2)


def _sinr_block(coordinates: Tensor, to_prbs: Tensor, serving: Tensor, activity: Tensor) -> Tensor:
    cells, prbs = activity.shape
    power = received_power(coordinates, to_prbs, cells)
    own = serving[:, None, None].expand(-1, 1, prbs)
    signal = power.gather(1, own)[:, 0]
    power.scatter_(1, own, 0.0)
    interference = power.mul_(activity).sum(1)
    return signal / interference.add_(1.0)


def _sinr_of_some(coordinates: Tensor, to_prbs: Tensor, faded: Faded, activity: Tensor) -> Tensor:
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
            interference = (power[:, 1:] * active).sum(1) + rest[b, block]
            out[b, block] = power[:, 0] / interference.add_(1.0)
    return out


def rows_at_once(coordinates: Tensor, cells: int, prbs: int) -> int:
    """Users of a block: as many as the cache holds on a CPU, all of them elsewhere."""
    if coordinates.device.type != "cpu":
        return coordinates.shape[1]
    return max(1, _BLOCK_BYTES // (cells * 2 * prbs * coordinates.element_size()))
