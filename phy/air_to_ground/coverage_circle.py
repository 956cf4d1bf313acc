"""Computes the elevation at which a UAV covers the largest circle on the ground (Al-Hourani et al. 2014).

At the edge of a circle of radius R the UAV is seen at the elevation theta, at the distance R / cos(theta). For a given
greatest loss R is in proportion to ``cos(theta) sqrt(g(theta))`` with the excess gain g, whatever the loss and the
carrier are, so that the best elevation depends on the environment alone. The function may have several maxima (it has
in high-rise surroundings), so the greatest is looked for on a grid first.
"""

from __future__ import annotations

import math

import torch

from .probabilistic_los import excess_gain, free_space_factor
from .settings import AirToGroundSettings

_GRID = 9001  # elevations from 0 to 90 degrees
_ROUNDS = 4  # of refinement, each a thousand times as fine


def optimal_elevation_deg(settings: AirToGroundSettings) -> float:
    """Computes the elevation at the edge of the largest circle, in degrees.

    Args:
        settings: environment, and what is averaged over line of sight.
    """
    low, high = 0.0, 0.5 * math.pi
    best = 0.0
    for _ in range(_ROUNDS):
        elevation = torch.linspace(low, high, _GRID, dtype=torch.float64)
        merit = torch.cos(elevation) * excess_gain(settings, elevation).sqrt()
        best = float(elevation[merit.argmax()])
        step = (high - low) / (_GRID - 1)
        low, high = max(0.0, best - step), min(0.5 * math.pi, best + step)
    return math.degrees(best)


def coverage_radius_m(
    settings: AirToGroundSettings, carrier_hz: float, loss_db: float, elevation_deg: float | None = None
) -> float:
    """Computes the radius of the circle within which the loss is at most ``loss_db``, in m.

    Args:
        settings: environment, and what is averaged over line of sight.
        carrier_hz: carrier frequency.
        loss_db: greatest mean path loss.
        elevation_deg: of the UAV at the edge; the best one if not given.
    """
    degrees = optimal_elevation_deg(settings) if elevation_deg is None else elevation_deg
    elevation = torch.tensor(math.radians(degrees), dtype=torch.float64)
    gain = float(excess_gain(settings, elevation)) * free_space_factor(carrier_hz)
    return math.cos(float(elevation)) * math.sqrt(gain * 10.0 ** (loss_db / 10.0))
