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

    width_m: float
    length_m: float
    low_m: float
    climb_m: float  # from the least to the greatest height, at least 1
    speed_mps: float
    climb_mps: float
    battery_j: float
    poor_bps: float  # added to a rate before its inverse is taken


class Strongest(NamedTuple):
    """Describes the UAVs that users of a drop receive strongest."""

    best: Array  # [U] SNR
    uav: Array  # [U] int64, the first of equal ones; V without any
    tied: Array  # [U] int64, 1 where another one is as strong


class UsualFeatures:
    """Computes the usual features of all UAVs.

    Args:
        context: of the run.
        poor_bps: added to a rate before users are weighted by its inverse.
    """

    def __init__(self, context: UavContext, poor_bps: float) -> None:
        low, high = context.height_m
        self._scales = Scales(
            *context.area_m,
            low,
            max(high - low, 1.0),
            context.speed_mps,
            max(context.climb_mps, 1e-3),
            context.battery_j,
            poor_bps,
        )

    def __call__(self, seen: UavObservation) -> Tensor:
        """Computes the features of an interval, float32 ``[B, V, 14]``.

        Args:
            seen: at the start of the interval.
        """
        fleet = Fleet(
            seen.position_m.contiguous().numpy(),
            seen.velocity_mps.contiguous().numpy(),
            seen.battery_j.contiguous().numpy(),
            seen.neighbour.contiguous().numpy(),
            seen.snr.contiguous().numpy(),
            seen.user_m.contiguous().numpy(),
            seen.mean_rate_bps.contiguous().numpy(),
        )
        found = np.empty((*fleet.battery_j.shape, NUMBERS), np.float32)
        describe(fleet, self._scales, found)
        return torch.from_numpy(found)


@Loop
def describe(fleet: Fleet, scales: Scales, found: Array) -> None:
    """Writes position, velocity, battery, users, centre, poor and nearest of each UAV.

    Args:
        fleet: at the start of the interval.
        scales: what is divided by.
        found: written, float32 ``[B, V, 14]``.
    """
    drops, uavs, users = fleet.snr.shape
    weight, total = np.empty(users), np.empty((uavs + 1, 3))
    strongest = Strongest(np.empty(users, fleet.snr.dtype), np.empty(users, np.int64), np.empty(users, np.int64))
    for b in range(drops):
        poor_x, poor_y = _poor_centre(b, fleet, scales, weight)
        _find_strongest(b, fleet, strongest)
        _sum_by_strongest(b, fleet, strongest, total)
        for v in range(uavs):
            x, y, count = float(fleet.position_m[b, v, 0]), float(fleet.position_m[b, v, 1]), total[v, 0]
            found[b, v, 0] = 2.0 * (x / scales.width_m) - 1.0
            found[b, v, 1] = 2.0 * (y / scales.length_m) - 1.0
            found[b, v, 2] = 2.0 * ((float(fleet.position_m[b, v, 2]) - scales.low_m) / scales.climb_m) - 1.0
            found[b, v, 3] = fleet.velocity_mps[b, v, 0] / scales.speed_mps
            found[b, v, 4] = fleet.velocity_mps[b, v, 1] / scales.speed_mps
            found[b, v, 5] = fleet.velocity_mps[b, v, 2] / scales.climb_mps
            found[b, v, 6] = fleet.battery_j[b, v] / scales.battery_j
            found[b, v, 7] = count / users
            found[b, v, 8] = (total[v, 1] / count - x) / scales.width_m if count > 0.0 else 0.0
            found[b, v, 9] = (total[v, 2] / count - y) / scales.length_m if count > 0.0 else 0.0
            found[b, v, 10] = (poor_x - x) / scales.width_m
            found[b, v, 11] = (poor_y - y) / scales.length_m
            _write_nearest(b, v, fleet, scales, found)


@inlined
def _poor_centre(b: int, fleet: Fleet, scales: Scales, weight: Array) -> tuple[float, float]:
    """Returns the mean position of users, weighted by the inverse of their rates."""
    for u in range(len(weight)):
        weight[u] = 1.0 / (float(fleet.mean_rate_bps[b, u]) + scales.poor_bps)
    whole, x, y = 0.0, 0.0, 0.0
    for u in range(len(weight)):
        whole += weight[u]
        x += weight[u] * fleet.user_m[b, u, 0]
        y += weight[u] * fleet.user_m[b, u, 1]
    return x / whole, y / whole


@inlined
def _find_strongest(b: int, fleet: Fleet, strongest: Strongest) -> None:
    """Finds the UAV that each user receives strongest, the first of equal ones."""
    best, uav, tied = strongest
    uavs = fleet.snr.shape[1]
    best[:], uav[:], tied[:] = 0.0, uavs, 0
    for v in range(uavs):
        for u in range(len(uav)):
            snr = fleet.snr[b, v, u]
            above, same = snr > best[u], snr == best[u]
            tied[u] = 0 if above else tied[u] | same
            best[u] = snr if above else best[u]
            uav[u] = v if above else uav[u]


@inlined
def _sum_by_strongest(b: int, fleet: Fleet, strongest: Strongest, total: Array) -> None:
    """Counts the users that receive each UAV strongest, and sums their positions; with ties a user counts for each."""
    total[:] = 0.0
    for u in range(len(strongest.uav)):
        x, y, first = float(fleet.user_m[b, u, 0]), float(fleet.user_m[b, u, 1]), strongest.uav[u]
        total[first, 0] += 1.0
        total[first, 1] += x
        total[first, 2] += y
        if strongest.tied[u]:
            for v in range(first + 1, len(total) - 1):
                if fleet.snr[b, v, u] == strongest.best[u]:
                    total[v, 0] += 1.0
                    total[v, 1] += x
                    total[v, 2] += y


@inlined
def _write_nearest(b: int, v: int, fleet: Fleet, scales: Scales, found: Array) -> None:
    """Writes the way to the nearest UAV in range; the first of equal ones."""
    least = np.inf
    found[b, v, 12], found[b, v, 13] = 0.0, 0.0
    for other in range(fleet.neighbour.shape[2]):
        if fleet.neighbour[b, v, other]:
            x = fleet.position_m[b, other, 0] - fleet.position_m[b, v, 0]
            y = fleet.position_m[b, other, 1] - fleet.position_m[b, v, 1]
            if x * x + y * y < least:
                least = float(x * x + y * y)
                found[b, v, 12], found[b, v, 13] = x / scales.width_m, y / scales.length_m
