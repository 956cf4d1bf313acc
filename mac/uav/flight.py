"""Computes an interval of all UAVs: flight, energies, batteries, collisions; in compiled loops :mod:`.flight_numba`.

B drops, V UAVs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .kinematics import FlightLimits, closest_approach_m, fly
from .propulsion import flight_power_w
from .settings import RotorSettings


@dataclass(frozen=True)
class Motion:
    """Holds positions, velocities and charges."""

    position_m: Tensor  # [B, V, 3]
    velocity_mps: Tensor  # [B, V, 3]
    battery_j: Tensor  # [B, V] float64


@dataclass(frozen=True)
class FlightResult:
    """Holds the results of an interval."""

    motion: Motion  # at its end
    flight_j: Tensor  # [B, V] float64
    radio_j: Tensor  # [B, V] float64
    held: Tensor  # [B] UAVs whose velocity the fence or a zone changed
    near: Tensor  # [B, pairs] bool, pairs that came too near to each other


def pairs_of(uavs: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Lists both UAVs of each pair, int64 ``[pairs]`` each: (0, 1), (0, 2), ..."""
    pairs = torch.combinations(torch.arange(uavs), 2).reshape(-1, 2).to(device)
    return pairs[:, 0], pairs[:, 1]


def fly_interval(
    limits: FlightLimits, rotor: RotorSettings, motion: Motion, wanted_mps: Tensor, radio_w: Tensor
) -> FlightResult:
    """Computes the interval. A UAV without charge stays where it is, at rest.

    Args:
        limits: of flight, and the distance of a collision.
        rotor: constants of the propulsion.
        motion: at the start.
        wanted_mps: velocities that were decided, ``[B, V, 3]``.
        radio_w: consumed by the transmitters, float64 ``[B, V]``; it has the first claim on the battery.
    """
    active = motion.battery_j > 0
    flight = fly(limits, motion.position_m, motion.velocity_mps, wanted_mps)
    flies = active[..., None]
    position = torch.where(flies, flight.position_m, motion.position_m)
    radio_j = torch.minimum(radio_w * limits.interval_s, motion.battery_j)
    power = flight_power_w(rotor, flight.mean_mps.to(torch.float64))
    flight_j = torch.minimum(power * limits.interval_s, motion.battery_j - radio_j)
    left = (motion.battery_j - flight_j - radio_j).clamp(min=0.0)
    one, other = pairs_of(active.shape[1], active.device)
    near = closest_approach_m(motion.position_m, position, one, other) < limits.collision_m
    near = near & active[:, one] & active[:, other]
    held = (flight.held & active).sum(1).to(position.dtype)
    return FlightResult(Motion(position, flight.velocity_mps * flies, left), flight_j, radio_j, held, near)
