"""Computes flight: velocities within limits of speed and acceleration, in a fence, outside of no-fly zones.

A UAV accelerates evenly over an interval towards the velocity that was decided, along each axis by at most a. Ours is
the fence: a UAV never flies faster towards a border than it can brake. With the distance D to the border and the
speed v towards it, the least distance that is enough for braking in whole intervals of length T is below
``v^2 / (2 a) + v T / 2``, so the speed v' at the end of the interval is limited by

    (v + v') T / 2 + v'^2 / (2 a) + v' T / 2 <= D,

which holds for some v' >= v - a T if it held in the last interval. A no-fly zone is a border along that one of its
four sides that has most room. Without a limit of acceleration velocities change at once, and v' T <= D.

B drops, V UAVs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class FlightLimits:
    """Holds the limits of flight."""

    low_m: Tensor  # [3] least coordinates
    high_m: Tensor  # [3] greatest coordinates
    zones_m: tuple[tuple[float, float, float, float], ...]  # least x, least y, greatest x, greatest y
    acceleration_mps2: float | None
    interval_s: float
    collision_m: float = 0.0  # two UAVs nearer than this collide


@dataclass(frozen=True)
class Flight:
    """Holds the flight of an interval."""

    position_m: Tensor  # [B, V, 3] at its end
    velocity_mps: Tensor  # [B, V, 3] at its end
    mean_mps: Tensor  # [B, V, 3] mean velocity
    held: Tensor  # [B, V] bool, the fence or a zone changed the velocity


def fly(limits: FlightLimits, position_m: Tensor, velocity_mps: Tensor, wanted_mps: Tensor) -> Flight:
    """Computes the flight of an interval.

    Args:
        limits: of the flight.
        position_m: at its start, ``[B, V, 3]``, in the fence and outside of the zones.
        velocity_mps: at its start, ``[B, V, 3]``, from an earlier flight or 0.
        wanted_mps: velocity that was decided, ``[B, V, 3]``, within the limits of speed.
    """
    aim = _accelerated(limits, velocity_mps, wanted_mps)
    up = _limit(limits, limits.high_m - position_m, velocity_mps)
    down = _limit(limits, position_m - limits.low_m, -velocity_mps)
    new = torch.minimum(torch.maximum(aim, -down), up)
    for zone in limits.zones_m:
        new = _around(limits, zone, position_m, velocity_mps, new)
    mean = new if limits.acceleration_mps2 is None else 0.5 * (velocity_mps + new)
    reached = position_m + mean * limits.interval_s
    inside = torch.minimum(torch.maximum(reached, limits.low_m), limits.high_m)  # of rounding errors
    return Flight(inside, new, mean, (new != aim).any(-1))


def closest_approach_m(start_m: Tensor, end_m: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Computes how near pairs of UAVs come on straight paths, ``[B, pairs]`` in m.

    Args:
        start_m: positions at the start, ``[B, V, 3]``.
        end_m: positions at the end, ``[B, V, 3]``.
        one: first UAV of each pair, int64 ``[pairs]``.
        other: second one, likewise.
    """
    apart = start_m[:, one] - start_m[:, other]
    change = end_m[:, one] - end_m[:, other] - apart
    along = (apart * change).sum(-1)
    part = (-along / change.square().sum(-1).clamp(min=1e-30)).clamp(0.0, 1.0)
    return (apart + part[..., None] * change).square().sum(-1).sqrt()


def _accelerated(limits: FlightLimits, velocity: Tensor, wanted: Tensor) -> Tensor:
    """Computes the velocity nearest to the wanted one on the straight line to it, within the limits of speed."""
    if limits.acceleration_mps2 is None:
        return wanted
    change = wanted - velocity
    most = change.abs().amax(-1, keepdim=True)
    reach = limits.acceleration_mps2 * limits.interval_s
    return torch.where(most <= reach, wanted, velocity + change * (reach / most.clamp(min=1e-30)))


def _limit(limits: FlightLimits, room: Tensor, towards: Tensor) -> Tensor:
    """Computes the greatest speed towards a border at the end of the interval from room and speed at its start."""
    time = limits.interval_s
    if limits.acceleration_mps2 is None:
        return room.clamp(min=0.0) / time
    a = limits.acceleration_mps2
    under = time * time + (2.0 / a) * (room - (0.5 * time) * towards).clamp(min=0.0)
    return a * (torch.sqrt(under) - time)


def _around(
    limits: FlightLimits, zone: tuple[float, float, float, float], position: Tensor, velocity: Tensor, new: Tensor
) -> Tensor:
    """Reduces the speed towards one side of a zone: the side behind which the UAV can stay most easily."""
    west, south, east, north = zone
    x, y = position[..., 0], position[..., 1]
    room = torch.stack((west - x, x - east, south - y, y - north), -1)  # [B, V, sides]
    vx, vy = velocity[..., 0], velocity[..., 1]
    towards = torch.stack((vx, -vx, vy, -vy), -1)
    braking = torch.zeros_like(room)
    if limits.acceleration_mps2 is not None:
        ahead = towards.clamp(min=0.0)
        braking = ahead * (ahead / (2.0 * limits.acceleration_mps2) + 0.5 * limits.interval_s)
    chosen = torch.nn.functional.one_hot((room - braking).argmax(-1), 4).bool()
    cap = torch.where(chosen, _limit(limits, room, towards), torch.inf)
    vx = torch.minimum(torch.maximum(new[..., 0], -cap[..., 1]), cap[..., 0])
    vy = torch.minimum(torch.maximum(new[..., 1], -cap[..., 3]), cap[..., 2])
    return torch.stack((vx, vy, new[..., 2]), -1)
