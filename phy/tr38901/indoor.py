"""Draws which UEs are indoors, their floors and their distances from the outer wall (TR 38.901 7.2, 7.4.3.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..random import uniform
from .pathloss import PathLossModel

_REACH_M: dict[PathLossModel, float] = {"uma": 25.0, "umi": 25.0, "rma": 10.0, "inh": 0.0, "free_space": 0.0}


def draw_indoor(keys: Tensor, users: int, share: float) -> Tensor:
    """Draws which UEs are indoors, bool ``[B, U]``: each one with probability ``share`` (TR 38.901 Table 7.2-1)."""
    return uniform(keys, (users,)) < share


def indoor_height_m(keys: Tensor, users: int, floors: tuple[int, int], ground_m: float) -> Tensor:
    """Draws the height of UEs indoors, ``3 (n_fl - 1) + ground`` in m, ``[B, U]`` (TR 38.901 Table 7.2-1, with ground
    1.5 m).

    A UE's floor is uniform from 1 to the floors of its building, which are uniform between the two given.
    """
    draw = uniform(keys, (users, 2))
    low, high = floors
    building = low + torch.floor(draw[..., 0] * (high - low + 1))
    return ground_m + 3.0 * torch.floor(draw[..., 1] * building)


def indoor_distance_m(keys: Tensor, users: int, model: PathLossModel, legacy: bool = False) -> Tensor:
    """Draws the horizontal distance from the outer wall to an indoor UE, d_2D-in in m, ``[B, U]``.

    TR 38.901 clause 7.4.3.1: the smaller of two uniform draws between 0 and 25 m (UMa, UMi) or 10 m (RMa), one value
    per UE; in the legacy model of Table 7.4.3-3 a single one. Free space knows no buildings: 0.
    """
    draws = uniform(keys, (users, 2))
    return _REACH_M[model] * (draws[..., 0] if legacy else draws.amin(dim=-1))
