"""Computes the Rician K-factor by elevation, and draws samples of the fading.

K rises with the elevation theta from K_0 at the horizon to K_90 at the zenith: K = K_0 exp(theta b), linear in dB
(Azari, Rosas, Chen, Pollin, "Ultra reliable UAV communication using altitude and cooperation diversity", IEEE Trans.
Commun. 66(1), 2018). The defaults 5 and 15 dB are ours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..units import db_to_linear
from .settings import AirToGroundSettings


def k_factor_db(settings: AirToGroundSettings, elevation_rad: Tensor) -> Tensor:
    """Computes the K-factor in dB, linear in the elevation.

    Args:
        settings: K at the horizon and at the zenith.
        elevation_rad: elevation of the UAV as the user sees it, of any shape.
    """
    slope = (settings.k_zenith_db - settings.k_horizon_db) / (0.5 * math.pi)
    return settings.k_horizon_db + slope * elevation_rad


def fading_power(k_db: Tensor, draw: Tensor) -> Tensor:
    """Computes samples of ``abs(h)^2``, of mean 1, from standard normal numbers.

    With K linear, ``h = sqrt(K / (K + 1)) + (x + j y) / sqrt(2 (K + 1))``.

    Args:
        k_db: K-factor in dB, ``[...]``.
        draw: independent standard normal x and y, ``[..., samples, 2]``.

    Returns:
        Samples ``[..., samples]``.
    """
    k = db_to_linear(k_db)[..., None]
    scale = 1.0 / torch.sqrt(2.0 * (k + 1.0))
    real = torch.sqrt(k / (k + 1.0)) + scale * draw[..., 0]
    return real.square() + (scale * draw[..., 1]).square()
