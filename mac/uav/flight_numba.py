"""Computes flight, energies and collisions in compiled loops; the torch form is :mod:`mac.uav.flight`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from phy.numerics.jit import Loop, inlined

Array = np.ndarray


class FleetArrays(NamedTuple):
    """Describes the UAVs at the start of an interval."""

    position_m: Array  # [B, V, 3]
    velocity_mps: Array  # [B, V, 3]
    wanted_mps: Array  # [B, V, 3]
    battery_j: Array  # [B, V] float64
    radio_w: Array  # [B, V] float64 consumed by the transmitters


class Bounds(NamedTuple):
    """Holds the limits of flight."""

    low_m: Array  # [3] float64
    high_m: Array  # [3] float64
    zones_m: Array  # [zones, 4] float64
    acceleration_mps2: float  # inf: velocities change at once
    interval_s: float
    collision_m: float


class Rotor(NamedTuple):
    """Holds the constants of the propulsion power."""

    blade_w: float
    induced_w: float
    tip_mps: float
    induced_mps: float
    drag: float  # d0 rho s A / 2
    weight_n: float


class FlightArrays(NamedTuple):
    """Holds the arrays that :func:`fly` writes."""

    position_m: Array  # [B, V, 3]
    velocity_mps: Array  # [B, V, 3]
    battery_j: Array  # [B, V] float64
    flight_j: Array  # [B, V] float64
    radio_j: Array  # [B, V] float64
    held: Array  # [B]
    near: Array  # [B, pairs] bool


@Loop
def fly(craft: FleetArrays, bounds: Bounds, rotor: Rotor, landed: FlightArrays) -> None:
    """Computes the flight of all UAVs.

    Args:
        craft: at the start.
        bounds: limits.
        rotor: constants of the power.
        landed: written.
    """
    drops, uavs = craft.battery_j.shape
    new, aim, mean = np.empty(3), np.empty(3), np.empty(3)
    for b in range(drops):
        landed.held[b] = 0.0
        for v in range(uavs):
            if not craft.battery_j[b, v] > 0.0:
                _stay(b, v, craft, landed)
                continue
            _accelerate(b, v, craft, bounds, aim)
            _fence(b, v, craft, bounds, aim, new)
            for z in range(len(bounds.zones_m)):
                _avoid(b, v, z, craft, bounds, new)
            if new[0] != aim[0] or new[1] != aim[1] or new[2] != aim[2]:
                landed.held[b] += 1.0
            for a in range(3):
                old = float(craft.velocity_mps[b, v, a])
                mean[a] = new[a] if math.isinf(bounds.acceleration_mps2) else 0.5 * (old + new[a])
                reached = craft.position_m[b, v, a] + mean[a] * bounds.interval_s
                landed.position_m[b, v, a] = min(max(reached, bounds.low_m[a]), bounds.high_m[a])
                landed.velocity_mps[b, v, a] = new[a]
            _spend(b, v, craft, bounds, _power(mean, rotor), landed)
        _meet(b, craft, bounds, landed)


@inlined
def _stay(b: int, v: int, craft: FleetArrays, landed: FlightArrays) -> None:
    for a in range(3):
        landed.position_m[b, v, a] = craft.position_m[b, v, a]
        landed.velocity_mps[b, v, a] = 0.0
    landed.battery_j[b, v] = 0.0
    landed.flight_j[b, v] = 0.0
    landed.radio_j[b, v] = 0.0


@inlined
def _accelerate(b: int, v: int, craft: FleetArrays, bounds: Bounds, aim: Array) -> None:
    """Finds the velocity nearest to the wanted one on the straight line to it."""
    most = 0.0
    for a in range(3):
        most = max(most, abs(float(craft.wanted_mps[b, v, a]) - float(craft.velocity_mps[b, v, a])))
    reach = bounds.acceleration_mps2 * bounds.interval_s
    for a in range(3):
        old, wanted = float(craft.velocity_mps[b, v, a]), float(craft.wanted_mps[b, v, a])
        aim[a] = wanted if most <= reach else old + (wanted - old) * (reach / most)


@inlined
def _limit(room: float, towards: float, bounds: Bounds) -> float:
    """Computes the greatest speed towards a border at the end of the interval, see :mod:`mac.uav.kinematics`."""
    time, a = bounds.interval_s, bounds.acceleration_mps2
    if math.isinf(a):
        return max(room, 0.0) / time
    return a * (math.sqrt(time * time + (2.0 / a) * max(room - 0.5 * time * towards, 0.0)) - time)


@inlined
def _fence(b: int, v: int, craft: FleetArrays, bounds: Bounds, aim: Array, new: Array) -> None:
    for a in range(3):
        place, speed = float(craft.position_m[b, v, a]), float(craft.velocity_mps[b, v, a])
        down = _limit(place - bounds.low_m[a], -speed, bounds)
        new[a] = min(max(aim[a], -down), _limit(bounds.high_m[a] - place, speed, bounds))


@inlined
def _avoid(b: int, v: int, z: int, craft: FleetArrays, bounds: Bounds, new: Array) -> None:
    """Reduces the speed towards the side of a zone behind which the UAV can stay most easily."""
    chosen, best = 0, -np.inf
    for side in range(4):
        room, towards = _to_side(b, v, z, side, craft, bounds)
        braking = 0.0
        if not math.isinf(bounds.acceleration_mps2):
            ahead = max(towards, 0.0)
            braking = ahead * (ahead / (2.0 * bounds.acceleration_mps2) + 0.5 * bounds.interval_s)
        if room - braking > best:
            chosen, best = side, room - braking
    room, towards = _to_side(b, v, z, chosen, craft, bounds)
    cap, a = _limit(room, towards, bounds), chosen // 2
    new[a] = min(new[a], cap) if chosen % 2 == 0 else max(new[a], -cap)


@inlined
def _to_side(b: int, v: int, z: int, side: int, craft: FleetArrays, bounds: Bounds) -> tuple[float, float]:
    """Computes the distance to a side (west, east, south, north), and the speed towards it."""
    a = side // 2
    place, speed = float(craft.position_m[b, v, a]), float(craft.velocity_mps[b, v, a])
    if side % 2 == 0:
        return bounds.zones_m[z, a] - place, speed
    return place - bounds.zones_m[z, 2 + a], -speed


@inlined
def _power(mean: Array, rotor: Rotor) -> float:
    """Computes :func:`mac.uav.propulsion.flight_power_w` of one velocity."""
    squared = mean[0] * mean[0] + mean[1] * mean[1]
    ratio = squared / (2.0 * rotor.induced_mps * rotor.induced_mps)
    level = rotor.blade_w * (1.0 + 3.0 / (rotor.tip_mps * rotor.tip_mps) * squared)
    level += rotor.induced_w / math.sqrt(math.sqrt(1.0 + ratio * ratio) + ratio)
    return float(level + rotor.drag * squared * math.sqrt(squared) + rotor.weight_n * max(mean[2], 0.0))


@inlined
def _spend(b: int, v: int, craft: FleetArrays, bounds: Bounds, power_w: float, landed: FlightArrays) -> None:
    charge = craft.battery_j[b, v]
    radio = min(craft.radio_w[b, v] * bounds.interval_s, charge)
    flight = min(power_w * bounds.interval_s, charge - radio)
    landed.radio_j[b, v] = radio
    landed.flight_j[b, v] = flight
    landed.battery_j[b, v] = max(charge - flight - radio, 0.0)


@inlined
def _meet(b: int, craft: FleetArrays, bounds: Bounds, landed: FlightArrays) -> None:
    """Finds pairs of UAVs in service that come nearer than allowed on straight paths."""
    uavs, pair = craft.battery_j.shape[1], 0
    for one in range(uavs):
        for other in range(one + 1, uavs):
            flies = craft.battery_j[b, one] > 0.0 and craft.battery_j[b, other] > 0.0
            landed.near[b, pair] = flies and _closest(b, one, other, craft, landed) < bounds.collision_m
            pair += 1


@inlined
def _closest(b: int, one: int, other: int, craft: FleetArrays, landed: FlightArrays) -> float:
    along, change2 = 0.0, 0.0
    for a in range(3):
        apart = float(craft.position_m[b, one, a]) - float(craft.position_m[b, other, a])
        change = float(landed.position_m[b, one, a]) - float(landed.position_m[b, other, a]) - apart
        along += apart * change
        change2 += change * change
    part = min(max(-along / max(change2, 1e-30), 0.0), 1.0)
    total = 0.0
    for a in range(3):
        apart = float(craft.position_m[b, one, a]) - float(craft.position_m[b, other, a])
        end = float(landed.position_m[b, one, a]) - float(landed.position_m[b, other, a])
        total += (apart + part * (end - apart)) ** 2
    return math.sqrt(total)
