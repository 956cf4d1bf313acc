"""Computes the probability of line of sight (TR 38.901 Table 7.4.2-1), and how fast the state changes with position."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ..units import SPEED_OF_LIGHT_MPS
from .pathloss import PathLossModel, uma_distance_gain, uma_height_gain

_CUT = 0.05

LOS_DECORRELATION_M: dict[PathLossModel, float] = {
    "uma": 50.0,
    "umi": 50.0,
    "rma": 60.0,
    "inh": 10.0,
    "free_space": 50.0,
}
"""Decorrelation distance of the LOS state in m (TR 38.901 Table 7.6.3.1-2); free space is always in line of sight."""

Office = Literal["mixed", "open", "hotspot"]
"""Offices of TR 38.901, and the indoor hotspot of ITU-R M.2412's channel model A."""


def los_probability(
    model: PathLossModel, distance_2d_out_m: Tensor, ue_height_m: Tensor, office: Office = "mixed"
) -> Tensor:
    """Computes the probability that the outdoor part of a link is in line of sight, TR 38.901 Table 7.4.2-1.

    Args:
        model: scenario; free space gives 1.
        distance_2d_out_m: horizontal distance outdoors, d_2D-out = d_2D - d_2D-in, in m ``[...]``.
        ue_height_m: height of the UE in m, up to 23 m, ``[...]``; it matters above 13 m in UMa.
        office: which office, where the model is "inh".

    Returns:
        ``[...]``, in [0, 1].
    """
    if model == "uma":
        taller = uma_height_gain(ue_height_m) * uma_distance_gain(distance_2d_out_m)
        return (_urban(distance_2d_out_m, 63.0) * (1.0 + taller)).clamp_max(1.0)  # the table passes 1 near 18 m
    if model == "umi":
        return _urban(distance_2d_out_m, 36.0)
    if model == "rma":
        return torch.exp(-(distance_2d_out_m - 10.0).clamp_min(0.0) / 1000.0)
    if model == "inh":
        return _office(distance_2d_out_m, office)
    return torch.ones_like(distance_2d_out_m)


def soft_los(margin: Tensor, carrier_hz: float) -> Tensor:
    """Computes the share of line of sight between 0 and 1 while a UE moves from one state to the other, ``[...]``.

    TR 38.901 clause 7.6.3.3: ``1/2 + arctan(sqrt(20 / lambda) margin) / pi``. That never quite reaches its ends; ours:
    its first and last twentieth are cut off, with the slope falling to nothing there, so that most links are
    exactly in one state.

    Args:
        margin: a normal field less the quantile at which line of sight ends, positive in line of sight, ``[...]``.
        carrier_hz: carrier frequency.
    """
    soft = 0.5 + torch.atan(math.sqrt(20.0 * carrier_hz / SPEED_OF_LIGHT_MPS) * margin) / math.pi
    inner = ((soft - _CUT) / (1.0 - 2.0 * _CUT)).clamp(0.0, 1.0)
    return inner * inner * (3.0 - 2.0 * inner)


def _office(distance_m: Tensor, office: Office) -> Tensor:
    """Computes the probability from two exponentials: near the base station, and beyond the first desks or walls."""
    if office == "hotspot":  # M.2412 Table A1-9, channel model A
        return torch.exp(-(distance_m - 18.0).clamp_min(0.0) / 27.0).clamp_min(0.5)
    start, near, bend, far, level = (1.2, 4.7, 6.5, 32.6, 0.32) if office == "mixed" else (5.0, 70.8, 49.0, 211.7, 0.54)
    beyond = level * torch.exp(-(distance_m - bend) / far)
    return torch.where(distance_m < bend, torch.exp(-(distance_m - start).clamp_min(0.0) / near), beyond)


def _urban(distance_m: Tensor, scale_m: float) -> Tensor:
    """Computes the probability: 1 up to 18 m, then ``18/d + exp(-d/scale) (1 - 18/d)``."""
    near = 18.0 / distance_m.clamp_min(18.0)
    return near + torch.exp(-distance_m / scale_m) * (1.0 - near)
