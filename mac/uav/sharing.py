"""Computes how a UAV shares its band among the users that it serves: equal, proportional fair, or max-min.

The SINR of a user does not depend on its share, so that the rate is the share times a constant. B drops, V UAVs,
U users.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .types import UavContext

_MOST_STEPS = 64  # of Newton's method, which ends when no user falls out any more


def served_count(uav: Tensor, served: Tensor, uavs: int, dtype: torch.dtype) -> Tensor:
    """Counts the users that each UAV serves, ``[B, V]``.

    Args:
        uav: UAV of each user, int64 ``[B, U]``, at least 0.
        served: whether it serves the user, bool ``[B, U]``.
        uavs: V.
        dtype: of the counts.
    """
    return _sum_by_uav(uav, served.to(dtype), uavs)


def shares(context: UavContext, uav: Tensor, served: Tensor, efficiency: Tensor, past_bps: Tensor) -> Tensor:
    """Computes the share of its UAV's band that each user gets, ``[B, U]``; the shares of a UAV add up to 1.

    By the rule ``radio.sharing``:

    - ``equal``: 1 / n;
    - ``max_min``: equal rates, in proportion to 1 over the spectral efficiency;
    - ``proportional_fair``: the shares that maximise the sum of ``log(past + share growth efficiency)``, where growth
      is what a share of 1 and an efficiency of 1 add to the mean rate: what remains of a common level above
      ``past / (growth efficiency)``.

    Args:
        context: the rule, bandwidth and memory.
        uav: UAV of each user, int64 ``[B, U]``, at least 0.
        served: whether it serves the user, bool ``[B, U]``.
        efficiency: spectral efficiency of each user, ``[B, U]``.
        past_bps: what a user's mean rate keeps of its past, ``[B, U]``.
    """
    uavs, rule = context.uavs, context.radio.sharing
    if rule == "equal":
        count = served_count(uav, served, uavs, efficiency.dtype).clamp(min=1.0)
        return torch.where(served, 1.0 / count.gather(1, uav), 0.0)
    if rule == "max_min":
        weight = torch.where(served & (efficiency > 0), 1.0 / efficiency.clamp(min=1e-12), 0.0)
        return weight / _sum_by_uav(uav, weight, uavs).clamp(min=1e-30).gather(1, uav)
    return _water_filling(uav, served, past_bps / (growth_bps(context) * efficiency).clamp(min=1e-12), uavs)


def kept_share(context: UavContext) -> float:
    """Computes the part of a mean rate that an interval leaves, ``max(0, 1 - T / memory)``."""
    return max(0.0, 1.0 - context.interval_s / context.radio.memory_s)


def growth_bps(context: UavContext) -> float:
    """Computes by how much a share of 1 and an efficiency of 1 let a mean rate grow in an interval."""
    return (1.0 - kept_share(context)) * context.radio.bandwidth_hz


def _water_filling(uav: Tensor, served: Tensor, floor: Tensor, uavs: int) -> Tensor:
    """Computes the shares ``max(0, level - floor)`` that add up to 1 for each UAV, by Newton's method from above.

    The sum is convex and grows with the level, so that the level falls to the root without passing it.
    """
    level = torch.full_like(floor, torch.inf)
    for _ in range(_MOST_STEPS):
        above = (served & (floor < level)).to(floor.dtype)
        count = _sum_by_uav(uav, above, uavs).clamp(min=1.0)
        new = ((1.0 + _sum_by_uav(uav, above * floor, uavs)) / count).gather(1, uav)
        if floor.device.type == "cpu" and bool((new == level).all()):
            break
        level = new
    share = torch.where(served, (level - floor).clamp(min=0.0), 0.0)
    return share / _sum_by_uav(uav, share, uavs).clamp(min=1e-30).gather(1, uav)


def _sum_by_uav(uav: Tensor, values: Tensor, uavs: int) -> Tensor:
    """Sums over the users of each UAV, ``[B, V]``; users that are not served have 0."""
    return values.new_zeros((len(values), uavs)).scatter_add_(1, uav, values)
