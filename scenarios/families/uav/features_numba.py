"""Computes the usual features of UAVs in a compiled loop; one by one they stand in :mod:`.environment`.

B drops, V UAVs, U users.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mac.uav import UavContext, UavObservation
from phy.numerics.jit import Loop, inlined

Array = np.ndarray

NUMBERS = 14
"""Of the usual features of a UAV: position 3, velocity 3, battery, users, centre 2, poor 2, nearest 2."""


class Fleet(NamedTuple):
    """Describes UAVs and users at the start of an interval."""

    position_m: Array  # [B, V, 3]
    velocity_mps: Array  # [B, V, 3]
    battery_j: Array  # [B, V] float64
    neighbour: Array  # [B, V, V] bool
    snr: Array  # [B, V, U]
    user_m: Array  # [B, U, 2]
    mean_rate_bps: Array  # [B, U]


class Scales(NamedTuple):
    """Holds what features are divided by."""

    area_m: tuple[float, float]
    low_m: float
    climb_m: float  # from the least to the greatest height, at least 1
    speed_mps: float
    climb_mps: float
    battery_j: float
    poor_bps: float  # added to a rate before its inverse is taken


def usual_features(seen: UavObservation, context: UavContext, poor_bps: float) -> Tensor:
    """Computes the usual features of all UAVs, float32 ``[B, V, 14]``.

    Args:
        seen: at the start of the interval.
        context: of the run.
        poor_bps: added to a rate before users are weighted by its inverse.
    """
    tensors = (
        seen.position_m,
        seen.velocity_mps,
        seen.battery_j,
        seen.neighbour,
        seen.snr,
        seen.user_m,
        seen.mean_rate_bps,
    )
    low, high = context.height_m
    scales = Scales(
        context.area_m,
        low,
        max(high - low, 1.0),
        context.speed_mps,
        max(context.climb_mps, 1e-3),
        context.battery_j,
        poor_bps,
    )
    found = torch.empty((*seen.battery_j.shape, NUMBERS), dtype=torch.float32)
    describe(Fleet(*(one.contiguous().numpy() for one in tensors)), scales, found.numpy())
    return found


@Loop
def describe(fleet: Fleet, scales: Scales, found: Array) -> None:
    """Writes position, velocity, battery, users, centre, poor and nearest of each UAV.

    Args:
        fleet: at the start of the interval.
        scales: what is divided by.
        found: written, float32 ``[B, V, 14]``.
    """
    drops, uavs = fleet.battery_j.shape
    poor, strongest = np.empty(3), np.empty((uavs, 3))
    for b in range(drops):
        _weigh_poor(fleet.user_m[b], fleet.mean_rate_bps[b], scales.poor_bps, poor)
        _weigh_strongest(fleet.snr[b], fleet.user_m[b], strongest)
        users = fleet.user_m.shape[1]
        for v in range(uavs):
            place, speed = fleet.position_m[b, v], fleet.velocity_mps[b, v]
            for a in range(2):
                at, area = float(place[a]), scales.area_m[a]
                found[b, v, a] = 2.0 * (at / area) - 1.0
                found[b, v, 3 + a] = speed[a] / scales.speed_mps
                centre = (strongest[v, 1 + a] / max(strongest[v, 0], 1e-30) - at) / area
                found[b, v, 8 + a] = centre if strongest[v, 0] > 0.0 else 0.0
                found[b, v, 10 + a] = (poor[1 + a] / poor[0] - at) / area
            found[b, v, 2] = 2.0 * ((float(place[2]) - scales.low_m) / scales.climb_m) - 1.0
            found[b, v, 5] = speed[2] / scales.climb_mps
            found[b, v, 6] = fleet.battery_j[b, v] / scales.battery_j
            found[b, v, 7] = strongest[v, 0] / users
            _nearest(v, fleet.position_m[b], fleet.neighbour[b], scales, found[b, v])


@inlined
def _weigh_poor(user_m: Array, rate_bps: Array, poor_bps: float, total: Array) -> None:
    """Sums the weights of users of low rates, and their weighted positions."""
    total[:] = 0.0
    for u in range(len(rate_bps)):
        weight = 1.0 / (float(rate_bps[u]) + poor_bps)
        total[0] += weight
        total[1] += weight * user_m[u, 0]
        total[2] += weight * user_m[u, 1]


@inlined
def _weigh_strongest(snr: Array, user_m: Array, total: Array) -> None:
    """Counts the users that receive each UAV strongest, and sums their positions."""
    total[:] = 0.0
    uavs = snr.shape[0]
    for u in range(snr.shape[1]):
        best = snr[0, u]
        for v in range(1, uavs):
            best = max(best, snr[v, u])
        for v in range(uavs):
            if best > 0.0 and snr[v, u] == best:
                total[v, 0] += 1.0
                total[v, 1] += user_m[u, 0]
                total[v, 2] += user_m[u, 1]


@inlined
def _nearest(v: int, place: Array, neighbour: Array, scales: Scales, found: Array) -> None:
    """Writes the way to the nearest UAV in range; the first of equal ones."""
    least = np.inf
    found[12], found[13] = 0.0, 0.0
    for other in range(len(place)):
        if neighbour[v, other]:
            x, y = place[other, 0] - place[v, 0], place[other, 1] - place[v, 1]
            if x * x + y * y < least:
                least = float(x * x + y * y)
                found[12], found[13] = x / scales.area_m[0], y / scales.area_m[1]
