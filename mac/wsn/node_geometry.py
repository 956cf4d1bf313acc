"""Computes squared distances axis by axis, several times as fast as by a sum over a last dimension of two.

B drops, N nodes, H chosen ones, mostly cluster heads.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_distance_m2(one: Tensor, other: Tensor) -> Tensor:
    """Computes the squared distance between positions ``[..., 2]`` in m, in m^2."""
    x, y = one[..., 0] - other[..., 0], one[..., 1] - other[..., 1]
    return x * x + y * y


def squared_distance_to_m2(position_m: Tensor, to: Tensor) -> Tensor:
    """Computes the squared distance from each node to another one, ``[B, N]`` in m^2.

    Args:
        position_m: of the nodes, ``[B, N, 2]``.
        to: numbers of the others, int64 ``[B, N]``.
    """
    x, y = position_m.unbind(-1)
    x, y = x - x.gather(1, to), y - y.gather(1, to)
    return x * x + y * y


def squared_hop_m2(position_m: Tensor, sink_m: Tensor, up: Tensor) -> Tensor:
    """Computes the squared distance from each node to its parent or the sink, ``[B, N]`` in m^2.

    Args:
        position_m: of the nodes, ``[B, N, 2]``.
        sink_m: ``[B, 2]``.
        up: of :func:`mac.wsn.routing.parent_column`, int64 ``[B, N]``.
    """
    x, y = (torch.cat((sink_m[:, axis, None], position_m[..., axis]), 1) for axis in (0, 1))
    x, y = x[:, 1:] - x.gather(1, up), y[:, 1:] - y.gather(1, up)
    return x * x + y * y


def padded_indices(chosen: Tensor) -> Tensor:
    """Lists the numbers of the chosen nodes, int64 ``[B, H]`` ascending, padded with N; H is the most of any drop."""
    batch, nodes = chosen.shape
    place = chosen.cumsum(1)
    most = max(1, int(place[:, -1].max()))
    column = torch.where(chosen, place - 1, most)
    own = torch.arange(nodes, device=chosen.device).expand_as(chosen)
    indices = torch.full((batch, most + 1), nodes, dtype=torch.int64, device=chosen.device)
    return indices.scatter_(1, column, own)[:, :-1]
