"""Computes the reward of the reference environment: Jain's index times mean over greatest rate.

The rates are those of all users in the interval. A UAV that serves no user gets 0, and one that collides gets -5. That
the greatest rate is the one of the interval is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .radio import Service

COLLISION = -5.0


def reference_reward(rate: Tensor, service: Service, near: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Computes the reward of each UAV, ``[B, V]``.

    Args:
        rate: of each user in any unit, ``[B, U]``.
        service: which users UAVs serve.
        near: whether a pair of UAVs collides, bool ``[B, pairs]``.
        pairs: UAVs of each pair, int64 ``[pairs]`` twice.
    """
    scaled = rate / rate.amax(1, keepdim=True).clamp(min=1e-30)
    total, squares = scaled.sum(1), scaled.square().sum(1)
    users = rate.shape[1]
    jain = total.square() / (users * squares).clamp(min=1e-30)
    common = jain * total / users
    busy = service.sends
    hit = rate.new_zeros(busy.shape)
    for side in pairs:
        hit = hit.index_add(1, side, near.to(hit.dtype))
    return torch.where(hit > 0, COLLISION, torch.where(busy, common[:, None], 0.0))
