"""Probability of line of sight, TR 38.901 Table 7.4.2-1, and how fast the state changes with position."""

from __future__ import annotations

import torch
from torch import Tensor

from .pathloss import PathLossModel, uma_distance_gain, uma_height_gain

LOS_DECORRELATION_M: dict[PathLossModel, float] = {"uma": 50.0, "umi": 50.0, "rma": 60.0, "free_space": 50.0}
"""Decorrelation distance of the LOS state in m (TR 38.901 Table 7.6.3.1-2); free space is always in line of sight."""


def los_probability(model: PathLossModel, distance_2d_out_m: Tensor, ue_height_m: Tensor) -> Tensor:
    """Probability that the outdoor part of a link is in line of sight, TR 38.901 Table 7.4.2-1.

    Args:
        model: scenario; free space gives 1.
        distance_2d_out_m: horizontal distance outdoors, d_2D-out = d_2D - d_2D-in, in m ``[...]``.
        ue_height_m: height of the user in m, up to 23 m, ``[...]``; it matters above 13 m in UMa.

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
    return torch.ones_like(distance_2d_out_m)


def _urban(distance_m: Tensor, scale_m: float) -> Tensor:
    """1 up to 18 m, then ``18/d + exp(-d/scale) (1 - 18/d)``."""
    near = 18.0 / distance_m.clamp_min(18.0)
    return near + torch.exp(-distance_m / scale_m) * (1.0 - near)
