"""Computes line of sight, path loss and shadowing between a UAV and a base station (TR 36.777 Tables B-1, B-2, B-3).

The models hold for heights of 10 to 300 m (RMa-AV) and 22.5 to 300 m (UMa-AV, UMi-AV); below, TR 38.901 holds. Above
40 m (RMa-AV) and 100 m (UMa-AV) the probability of line of sight is 1, and there it jumps. Ours: over the last
``blend_m`` of height below, the probability is blended linearly into 1; with ``blend_m = 0`` it jumps as in the
standard. Heights outside of the ranges are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..tr38901.pathloss import free_space_db
from .shadowing import mixed_sigma_db

AerialModel = Literal["rma", "uma", "umi"]
"""RMa-AV, UMa-AV, UMi-AV."""

_SPREAD_DB = 20.0 * math.log10(40.0 * math.pi / 3.0)


@dataclass(frozen=True)
class Heights:
    """Holds the heights of a UAV for which a model holds."""

    low_m: float
    los_m: float  # from here line of sight is certain
    high_m: float


HEIGHTS: dict[AerialModel, Heights] = {
    "rma": Heights(10.0, 40.0, 300.0),
    "uma": Heights(22.5, 100.0, 300.0),
    "umi": Heights(22.5, math.inf, 300.0),
}
"""Ranges of Table B-1."""


def require_heights(model: AerialModel, low_m: float, high_m: float) -> None:
    """Refuses heights for which the model does not hold.

    Raises:
        ValueError: ``low_m`` is not above the least height, or ``high_m`` above the greatest.
    """
    known = HEIGHTS[model]
    if low_m < known.low_m or high_m > known.high_m:
        raise ValueError(
            f"UAVs fly at {low_m:g} to {high_m:g} m, but {model} of TR 36.777 holds from {known.low_m:g} to "
            f"{known.high_m:g} m"
        )


def los_probability(model: AerialModel, distance_2d_m: Tensor, height_m: Tensor, blend_m: float = 0.0) -> Tensor:
    """Computes the probability of line of sight (Table B-1), of the shape of both arguments.

    Up to the distance d1 it is 1, beyond it ``d1 / d + exp(-d / p1) (1 - d1 / d)``.

    Args:
        model: scenario.
        distance_2d_m: horizontal distance d.
        height_m: height of the UAV above ground.
        blend_m: height over which the probability is blended into 1 at the upper end (ours); 0: it jumps.
    """
    lg = torch.log10(height_m)
    if model == "rma":
        p1, d1 = (15021.0 * lg - 16053.0).clamp(min=1000.0), (1350.8 * lg - 1602.0).clamp(min=18.0)
    elif model == "uma":
        p1, d1 = 4300.0 * lg - 3800.0, (460.0 * lg - 700.0).clamp(min=18.0)
    else:
        p1, d1 = 233.98 * lg - 0.95, (294.05 * lg - 432.94).clamp(min=18.0)
    near = d1 / torch.maximum(distance_2d_m, d1)
    formula = near + torch.exp(-distance_2d_m / p1) * (1.0 - near)
    certain = HEIGHTS[model].los_m
    if math.isinf(certain):
        return formula
    if blend_m == 0.0:
        return torch.where(height_m > certain, 1.0, formula)
    weight = ((height_m - (certain - blend_m)) / blend_m).clamp(0.0, 1.0)
    return formula + weight * (1.0 - formula)


def path_losses_db(
    model: AerialModel, carrier_hz: float, distance_3d_m: Tensor, height_m: Tensor
) -> tuple[Tensor, Tensor]:
    """Computes the path loss with and without line of sight (Table B-2), in dB.

    UMa-AV in line of sight loses less than free space at short range: its 28 dB at 1 m and 1 GHz are below 32.45.

    Args:
        model: scenario.
        carrier_hz: carrier frequency.
        distance_3d_m: distance d3 in space; below 1 m counts as 1 m.
        height_m: height h of the UAV above ground.
    """
    lg_h, lg_d = torch.log10(height_m), torch.log10(distance_3d_m.clamp(min=1.0))
    lg_f = 20.0 * math.log10(carrier_hz / 1e9)
    if model == "rma":
        los = (23.9 - 1.8 * lg_h).clamp(min=20.0) * lg_d + _SPREAD_DB + lg_f
        return los, torch.maximum(los, -12.0 + (35.0 - 5.3 * lg_h) * lg_d + _SPREAD_DB + lg_f)
    if model == "uma":
        return 28.0 + 22.0 * lg_d + lg_f, -17.5 + (46.0 - 7.0 * lg_h) * lg_d + _SPREAD_DB + lg_f
    free = free_space_db(distance_3d_m, carrier_hz)
    los = torch.maximum(free, 30.9 + (22.25 - 0.5 * lg_h) * lg_d + lg_f)
    return los, torch.maximum(los, 32.4 + (43.2 - 7.6 * lg_h) * lg_d + lg_f)


def mean_path_loss_db(
    model: AerialModel,
    carrier_hz: float,
    distance_2d_m: Tensor,
    height_m: Tensor,
    rise_m: Tensor,
    blend_m: float = 0.0,
) -> Tensor:
    """Computes the path loss averaged over line of sight in dB.

    Args:
        model: scenario.
        carrier_hz: carrier frequency.
        distance_2d_m: horizontal distance.
        height_m: height of the UAV above ground.
        rise_m: height of the UAV above the base station.
        blend_m: see :func:`los_probability`.
    """
    clear, blocked = path_losses_db(model, carrier_hz, torch.hypot(distance_2d_m, rise_m), height_m)
    los = los_probability(model, distance_2d_m, height_m, blend_m)
    return los * clear + (1.0 - los) * blocked


def mean_shadowing_sigma_db(
    model: AerialModel, distance_2d_m: Tensor, height_m: Tensor, blend_m: float = 0.0
) -> Tensor:
    """Computes the standard deviation of shadowing averaged over line of sight, in dB.

    Args:
        model: scenario.
        distance_2d_m: horizontal distance.
        height_m: height of the UAV above ground.
        blend_m: see :func:`los_probability`.
    """
    los = los_probability(model, distance_2d_m, height_m, blend_m)
    return mixed_sigma_db(los, *shadowing_sigma_db(model, height_m))


def shadowing_sigma_db(model: AerialModel, height_m: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the standard deviation of shadowing with and without line of sight (Table B-3), in dB.

    Args:
        model: scenario.
        height_m: height of the UAV above ground.
    """
    if model == "rma":
        return 4.2 * torch.exp(-0.0046 * height_m), torch.full_like(height_m, 6.0)
    if model == "uma":
        return 4.64 * torch.exp(-0.0066 * height_m), torch.full_like(height_m, 6.0)
    return (5.0 * torch.exp(-0.01 * height_m)).clamp(min=2.0), torch.full_like(height_m, 8.0)
