"""The few among many: masks of nodes as short lists, drop by drop."""

from __future__ import annotations

import torch
from torch import Tensor


def listed(chosen: Tensor) -> Tensor:
    """Numbers of the chosen nodes, int64 ``[B, H]`` ascending, padded with N; H is the most of any drop, at least 1."""
    batch, nodes = chosen.shape
    place = chosen.cumsum(1)
    most = max(1, int(place[:, -1].max()))
    column = torch.where(chosen, place - 1, most)
    own = torch.arange(nodes, device=chosen.device).expand_as(chosen)
    room = torch.full((batch, most + 1), nodes, dtype=torch.int64, device=chosen.device)
    return room.scatter_(1, column, own)[:, :-1]
