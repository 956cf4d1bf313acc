"""Computes velocities towards points, within the limits of flight.

B drops, V UAVs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mac.uav import UavContext


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

    As many columns as make the cells nearly square; a last row that is not full is spread over the whole width.

    Args:
        context: of the area and the number of UAVs.
        height_m: of the points; the middle of the allowed heights if not given.
    """
    x_m, y_m = context.area_m
    columns = min(context.uavs, max(1, round(math.sqrt(context.uavs * x_m / y_m))))
    rows = math.ceil(context.uavs / columns)
    z = sum(context.height_m) / 2 if height_m is None else height_m
    points = []
    for row in range(rows):
        here = min(columns, context.uavs - row * columns)
        points += [((column + 0.5) * x_m / here, (row + 0.5) * y_m / rows, z) for column in range(here)]
    return torch.tensor(points, dtype=context.dtype, device=context.device)


def _speed(context: UavContext, distance: Tensor, most: float) -> Tensor:
    time, a = context.interval_s, context.acceleration_mps2
    if a is None:
        return (distance / time).clamp(max=most)
    return torch.minimum(distance / (2.0 * time), (a * distance).sqrt()).clamp(max=most)
