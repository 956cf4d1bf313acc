"""Computes the diffraction at the edges of a screen, as TR 38.901 clause 7.6.4 simplifies it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_SCREEN_LOSS_DB = 60.0
"""Loss of one screen at most: the formula is unbounded where a screen covers everything."""


def edge_contribution(side: Tensor, detour_m: Tensor, wavelength_m: float) -> Tensor:
    """Computes the contribution F of an edge, -1/2 to 1/2: ``atan(pi/2 sqrt(pi/lambda detour)) / pi`` with the sign of
    ``side``.

    Args:
        side: positive where the screen's edge lies on one side of the direct path, negative on the other, ``[...]``.
        detour_m: how much longer the path over the edge is than the direct one, ``[...]``.
        wavelength_m: lambda.

    The two edges of a screen add up to F(upper) - F(lower), which is the standard's table of signs: both are
    positive where the screen covers the path, and the nearer one is negative where it does not.
    """
    bend = torch.sqrt(math.pi / wavelength_m * detour_m.clamp(min=0.0))
    return torch.sign(side) * torch.atan(0.5 * math.pi * bend) / math.pi


def screen_loss_db(across: Tensor, upright: Tensor) -> Tensor:
    """Computes the loss ``-20 log10(1 - F_across F_upright)`` of a screen from the sums of its edges, at most 60 dB."""
    least = 10.0 ** (-MAX_SCREEN_LOSS_DB / 20.0)
    return -20.0 * torch.log10((1.0 - across * upright).clamp(min=least))
