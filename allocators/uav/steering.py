"""Computes velocities towards points, within the limits of flight.

B drops, V UAVs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mac.uav import UavContext
from mac.uav.even_grid import even_points


def fly_towards(context: UavContext, position_m: Tensor, target_m: Tensor) -> Tensor:
    """Computes the velocity that brings each UAV to its target and slows down before it, ``[B, V, 3]``.

    With the distance D, the speed is at most the greatest one, ``sqrt(a D)`` where the acceleration a is limited, and
    ``D / T`` (``D / (2 T)`` where it is limited) in an interval of length T, so that no UAV flies past its target.

    Args:
        context: limits of flight.
        position_m: of the UAVs, ``[B, V, 3]``.
        target_m: where to, ``[B, V, 3]``.
    """
    way = target_m - position_m
    plane, climb = way[..., :2], way[..., 2:]
    distance = plane.square().sum(-1, keepdim=True).sqrt()
    level = plane * (_speed(context, distance, context.speed_mps) / distance.clamp(min=1e-9))
    rise = _speed(context, climb.abs(), context.climb_mps) * climb.sign()
    return torch.cat((level, rise), -1)


def even_grid(context: UavContext, height_m: float | None = None) -> Tensor:
    """Computes the middles of a grid of equal cells, one for each UAV, ``[V, 3]``.

    Args:
        context: of the area and the number of UAVs.
        height_m: of the points; the middle of the allowed heights if not given.
    """
    z = sum(context.height_m) / 2 if height_m is None else height_m
    points = [(x, y, z) for x, y in even_points(context.uavs, context.area_m)]
    return torch.tensor(points, dtype=context.dtype, device=context.device)


def _speed(context: UavContext, distance: Tensor, most: float) -> Tensor:
    time, a = context.interval_s, context.acceleration_mps2
    if a is None:
        return (distance / time).clamp(max=most)
    return torch.minimum(distance / (2.0 * time), (a * distance).sqrt()).clamp(max=most)
