"""Computes an upper bound of what one UAV can deliver, by dynamic programming over a grid of the area."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mac.uav import UavContext
from mac.uav.radio import reference_snr, spectral_efficiency
from phy.air_to_ground.probabilistic_los import excess_gain

Array = NDArray[np.float64]

_MOST_CELLS = 250_000
_SLACK = 1.0 + 1e-9  # of distances, for rounding


def flight_bound(
    context: UavContext, start_m: Tensor, user_m: Tensor, step_m: float, weight: Tensor | None = None
) -> Array:
    """Computes an upper bound of the weighted sum of the bits that one UAV delivers in a run, float64 ``[B]``.

    It bounds ``sum_t sum_u w_u bits_u(t)`` over all flights and all shares of the band in every interval t of the run,
    for one UAV at a fixed height without interference, and users that stay where they are. With the area cut into
    square cells i of side ``step_m``, the bits of an interval are at most those at the point of the cell nearest to
    the best user, which gets the whole band, and a UAV gets from cell to cell in an interval T where they are at most
    ``speed T`` apart:

        V_t(i) = f(i) + max over reachable j of V_{t+1}(j),   f(i) = bandwidth T max_u w_u efficiency(distance(i, u)).

    At time t only cells within ``speed t`` of the start count. So it holds for continuous flight with any acceleration,
    whatever data wait, and falls towards the optimum of such flights without limit of acceleration as ``step_m`` gets
    smaller. Cells that lie within a no-fly zone are left out. It is exact to the rounding of the table of fading (0.01
    bit/s/Hz). For any weights that add up to 1 it also bounds the bits of the user that gets least.

    Args:
        context: of a run with one UAV at a fixed height, without sampled fading and shadowing.
        start_m: ``[B, 1, 3]``.
        user_m: ``[B, U, 2]``.
        step_m: side of a cell.
        weight: of each user, at least 0, ``[U]``; 1 for all if not given.

    Raises:
        ValueError: several UAVs, heights that differ, sampled fading, shadowing, or too many cells.
    """
    _require_small(context, step_m)
    weights = torch.ones(context.users, dtype=torch.float64) if weight is None else weight.to(torch.float64)
    return np.array([
        _of_drop(context, start.cpu().to(torch.float64), user.cpu().to(torch.float64), step_m, weights)
        for start, user in zip(start_m[:, 0], user_m, strict=True)
    ])  # fmt: skip


def _require_small(context: UavContext, step_m: float) -> None:
    if context.uavs != 1:
        raise ValueError(f"the bound is for one UAV, and the run has {context.uavs} (uavs.count)")
    low, high = context.height_m
    if low != high:
        raise ValueError(
            f"the bound is for a fixed height, and UAVs may fly at {low:g} to {high:g} m (area.min_height_m, "
            "area.max_height_m)"
        )
    if context.channel.fading == "sampled":
        raise ValueError("the bound is for mean rates; set channel.fading to 'average' or 'none'")
    if context.channel.shadowed:
        raise ValueError("the bound is for links without shadowing; set channel.shadowing_los_db and _nlos_db to 0")
    cells = math.prod(math.ceil(side / step_m) for side in context.area_m)
    if cells > _MOST_CELLS:
        raise ValueError(f"the bound is for at most {_MOST_CELLS} cells, and step_m {step_m:g} makes {cells}")


def _of_drop(context: UavContext, start: Tensor, user_m: Tensor, step_m: float, weight: Tensor) -> float:
    from scipy.ndimage import maximum_filter  # here, as it takes half a second

    gain = cell_bits(context, user_m, step_m, weight)
    interval_m = context.speed_mps * context.interval_s
    footprint = _reachable(interval_m, step_m)
    away_m = _gaps(context, start[None], step_m).sum(-1)[..., 0].sqrt().numpy()
    value = np.zeros_like(gain)
    for number in range(context.intervals - 1, 0, -1):
        there = np.where(away_m <= number * interval_m * _SLACK, gain + value, -np.inf)
        value = maximum_filter(there, footprint=footprint, mode="constant", cval=-np.inf)
    column, row = (min(int(start[axis] / step_m), gain.shape[axis] - 1) for axis in (0, 1))
    at_start = float((weight * _bits(context, (user_m - start[:2]).square().sum(-1))).max())
    return at_start + float(value[column, row])


def cell_bits(context: UavContext, user_m: Tensor, step_m: float, weight: Tensor) -> Array:
    """Computes the most weighted bits of an interval with the UAV anywhere in a cell, ``[columns, rows]``.

    Args:
        context: of the run.
        user_m: ``[U, 2]``.
        step_m: side of a cell.
        weight: of each user, ``[U]``.
    """
    squared = _gaps(context, user_m, step_m).sum(-1)  # [columns, rows, U]
    best = np.asarray((weight * _bits(context, squared)).amax(-1).numpy(), dtype=np.float64)
    x, y = (np.arange(side) * step_m for side in best.shape)
    for west, south, east, north in context.no_fly_m:
        inside = np.outer((x >= west) & (x + step_m <= east), (y >= south) & (y + step_m <= north))
        best = np.where(inside, -np.inf, best)
    return best


def _gaps(context: UavContext, place_m: Tensor, step_m: float) -> Tensor:
    """Computes the squared distances of all cells from places along x and y, ``[columns, rows, places, 2]``."""
    gaps = []
    for axis in (0, 1):
        low = torch.arange(math.ceil(context.area_m[axis] / step_m), dtype=torch.float64) * step_m
        place = place_m[:, axis]
        gaps.append(torch.maximum(low[:, None] - place, place - low[:, None] - step_m).clamp(min=0.0).square())
    return torch.stack(torch.broadcast_tensors(gaps[0][:, None], gaps[1][None]), -1)


def _bits(context: UavContext, squared: Tensor) -> Tensor:
    """Computes the bits of a user that has the whole band for an interval, by its squared horizontal distance."""
    above = context.height_m[0] - context.user_height_m
    elevation = torch.atan2(torch.full_like(squared, above), squared.sqrt())
    snr = excess_gain(context.channel, elevation) * (reference_snr(context) / (squared + above**2))
    efficiency = spectral_efficiency(context.channel, elevation, snr)
    return efficiency * (context.radio.bandwidth_hz * context.interval_s)


def _reachable(most_m: float, step_m: float) -> NDArray[np.bool_]:
    """Finds the cells around a cell, some point of which is within reach of some point of it."""
    reach = math.floor(most_m / step_m) + 1
    gap = np.maximum(np.abs(np.arange(-reach, reach + 1)) - 1, 0) * step_m
    return np.asarray(np.hypot(gap[:, None], gap[None]) <= most_m * _SLACK)
