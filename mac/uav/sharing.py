"""Computes how a UAV shares its band among the users that it serves: equal, proportional fair, or max-min.

The SINR of a user does not depend on its share, so that the rate is the share times a constant. B drops, V UAVs,
U users.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .radio import Serving

_NEWTON_STEPS = 12


def served_count(link: Serving, uavs: int) -> Tensor:
    """Counts the users that each UAV serves, ``[B, V]``, in the dtype of its power."""
    return _sum_by_uav(link, link.served.to(link.power.dtype), uavs)


def shares(rule: Literal["equal", "proportional_fair", "max_min"], link: Serving, efficiency: Tensor, past: Tensor,
           gain: float) -> Tensor:  # fmt: skip
    """Computes the share of its serving UAV's band that each user gets, ``[B, U]``; the shares of a UAV add up to 1.

    - ``equal``: 1 / n;
    - ``max_min``: equal rates, in proportion to 1 over the spectral efficiency;
    - ``proportional_fair``: the shares that maximise ``sum log(past_u + share_u gain efficiency_u)``: what remains of a
      common level above ``past_u / (gain efficiency_u)``.

    Args:
        rule: of the three.
        link: the serving UAVs.
        efficiency: spectral efficiency of each user, ``[B, U]``.
        past: what a user's mean rate keeps of its past, in bit/s, ``[B, U]``.
        gain: by how much the mean rate grows in bit/s with a share of 1 and an efficiency of 1.
    """
    uavs = link.power.shape[1]
    if rule == "equal":
        count = served_count(link, uavs).clamp(min=1.0)
        return torch.where(link.served, 1.0 / count.gather(1, link.uav), 0.0)
    if rule == "max_min":
        weight = torch.where(link.served & (efficiency > 0), 1.0 / efficiency.clamp(min=1e-12), 0.0)
        total = _sum_by_uav(link, weight, uavs).clamp(min=1e-30)
        return weight / total.gather(1, link.uav)
    return _water_filling(link, past / (gain * efficiency).clamp(min=1e-12), uavs)


def _water_filling(link: Serving, floor: Tensor, uavs: int) -> Tensor:
    """The shares ``max(0, level - floor)`` that add up to 1 for each UAV, by Newton's method from above.

    The sum is convex and grows with the level, so that the level falls to the root without passing it.
    """
    mine = link.served
    level = floor.new_full((1, 1), torch.inf)
    for _ in range(_NEWTON_STEPS):
        above = (mine & (floor < level)).to(floor.dtype)
        count = _sum_by_uav(link, above, uavs).clamp(min=1.0)
        level = ((1.0 + _sum_by_uav(link, above * floor, uavs)) / count).gather(1, link.uav)
    share = torch.where(mine, (level - floor).clamp(min=0.0), 0.0)
    total = _sum_by_uav(link, share, uavs).clamp(min=1e-30)
    return share / total.gather(1, link.uav)


def _sum_by_uav(link: Serving, values: Tensor, uavs: int) -> Tensor:
    """Sums over the users of each UAV, ``[B, V]``; users that are not served have 0."""
    return values.new_zeros((len(values), uavs)).scatter_add_(1, link.uav, values)
