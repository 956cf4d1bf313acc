"""Tabulates what depends on the elevation alone, for compiled loops: excess gain and K-factor without trigonometry.

The table runs over ``t = sin(theta)`` up to 45 degrees and ``t = sqrt(2) - cos(theta)`` beyond, both of which follow
from the squares of height and distance by one division and one root. Between its points it is linear, to 1e-4 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from .probabilistic_los import excess_gain
from .rician import k_factor_db
from .settings import AirToGroundSettings

Array = NDArray[np.float64]

STEPS = 4096
ROOT = math.sqrt(2.0)


@dataclass(frozen=True, eq=False)
class ElevationTable:
    """Holds the values at ``t = 0, sqrt(2) / STEPS, ...``; the last one stands twice, for the upper end."""

    gain: Array  # [STEPS + 2] excess gain, linear
    k_db: Array  # [STEPS + 2] K-factor


@cache
def elevation_table(settings: AirToGroundSettings) -> ElevationTable:
    """Computes the table of a channel."""
    t = torch.linspace(0.0, ROOT, STEPS + 1, dtype=torch.float64)
    low = torch.asin(t.clamp(max=1.0))
    high = torch.acos((ROOT - t).clamp(0.0, 1.0))
    elevation = torch.where(t < math.sqrt(0.5), low, high)
    gain, k_db = excess_gain(settings, elevation).numpy(), k_factor_db(settings, elevation).numpy()
    return ElevationTable(np.append(gain, gain[-1]), np.append(k_db, k_db[-1]))
