"""Loss into buildings, TR 38.901 V19 clause 7.4.3.1.

The clause's separate model for UMa and UMi below 6 GHz (a fixed 20 dB, kept there to match TR 36.873) is left out:
the low- and the high-loss model hold at all frequencies.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .random import normal
from .units import db_to_linear

O2IModel = Literal["none", "low", "high"]
"""Building type: no loss at all, low loss (plain glass), high loss (infrared-reflecting glass)."""

INDOOR_DB_PER_M = 0.5
SIGMA_DB = {"low": 4.4, "high": 6.5}


def wall_loss_db(model: Literal["low", "high"], carrier_hz: float) -> float:
    """Loss through the outer wall PL_tw in dB: 30 or 70 % glass, the rest concrete (Tables 7.4.3-1 and 7.4.3-2)."""
    ghz = carrier_hz / 1e9
    concrete = db_to_linear(-(5.0 + 4.0 * ghz))
    if model == "low":
        through = 0.3 * db_to_linear(-(2.0 + 0.2 * ghz)) + 0.7 * concrete
    else:
        through = 0.7 * db_to_linear(-(25.4 + 0.11 * ghz)) + 0.3 * concrete
    return 5.0 - 10.0 * math.log10(through)


def penetration_loss_db(
    keys: Tensor, model: O2IModel, carrier_hz: float, indoor: Tensor, indoor_distance_m: Tensor
) -> Tensor:
    """Loss from outdoors to each user, ``PL_tw + 0.5 d_2D-in + N(0, sigma_P^2)`` in dB (TR 38.901 equation 7.4-2).

    The random part (4.4 dB low, 6.5 dB high) is one per user, the same to all base stations.

    Args:
        keys: int64 ``[B]``.
        model: building type; "none" costs nothing.
        carrier_hz: carrier frequency.
        indoor: bool ``[B, U]``; users outdoors lose nothing.
        indoor_distance_m: d_2D-in ``[B, U]``.

    Returns:
        float64 ``[B, U]``.
    """
    if model == "none":
        return torch.zeros_like(indoor_distance_m)
    random_db = SIGMA_DB[model] * normal(keys, (indoor.shape[1],))
    return indoor * (wall_loss_db(model, carrier_hz) + INDOOR_DB_PER_M * indoor_distance_m + random_db)
