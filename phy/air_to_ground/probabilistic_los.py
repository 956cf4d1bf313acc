"""Computes line of sight and path loss between a UAV and a ground user by elevation (Al-Hourani, Kandeepan, Lardner,
"Optimal LAP altitude for maximum coverage", IEEE Wireless Commun. Lett. 3(6), 2014).

With theta the elevation in degrees, P_LOS = 1 / (1 + a exp(-b (theta - a))), and the loss is that of free space plus
eta_LOS or eta_NLOS. Shadowing is not part of the mean loss; its standard deviations are settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..units import SPEED_OF_LIGHT_MPS, db_to_linear
from .settings import AirToGroundSettings, EnvironmentName
from .shadowing import mixed_sigma_db

_NEPER = math.log(10.0) / 10.0  # of a decibel of power


@dataclass(frozen=True)
class LosParameters:
    """Holds the parameters of an environment."""

    a: float  # of the line of sight, in degrees
    b: float  # of the line of sight, per degree
    los_db: float  # excess loss in line of sight
    nlos_db: float  # excess loss without


ENVIRONMENTS: dict[EnvironmentName, LosParameters] = {
    "free_space": LosParameters(0.0, 0.0, 0.0, 0.0),
    "suburban": LosParameters(4.88, 0.43, 0.1, 21.0),
    "urban": LosParameters(9.61, 0.16, 1.0, 20.0),
    "dense_urban": LosParameters(12.08, 0.11, 1.6, 23.0),
    "high_rise": LosParameters(27.23, 0.08, 2.3, 34.0),
}
"""Parameters at 2 GHz; with a = 0 line of sight is certain."""


def los_probability(environment: LosParameters, elevation_deg: Tensor) -> Tensor:
    """Computes the probability of line of sight, ``1 / (1 + a exp(-b (theta - a)))``.

    Args:
        environment: the parameters a and b.
        elevation_deg: elevation of the UAV as the user sees it, of any shape.
    """
    exponent = torch.exp(-environment.b * (elevation_deg - environment.a))
    return 1.0 / (1.0 + environment.a * exponent)


def excess_gain(settings: AirToGroundSettings, elevation_rad: Tensor) -> Tensor:
    """Computes the mean gain over that of free space, linear, of any shape.

    - ``average: loss``: ``10^(-(P eta_LOS + (1 - P) eta_NLOS) / 10)``, the gain at the mean of losses;
    - ``average: gain``: ``P 10^(-eta_LOS / 10) + (1 - P) 10^(-eta_NLOS / 10)``, the mean gain;
    - ``form: as_published``: ``1 / (P 10^(eta_LOS / 20) + (1 - P) 10^(eta_NLOS / 20))`` with the elevation in radians.

    Args:
        settings: environment and average.
        elevation_rad: elevation of the UAV as the user sees it.
    """
    place = ENVIRONMENTS[settings.environment]
    if settings.form == "as_published":
        los = los_probability(place, elevation_rad)
        clear, blocked = (db_to_linear(0.5 * loss_db) for loss_db in (place.los_db, place.nlos_db))
        return 1.0 / (blocked + los * (clear - blocked))
    los = los_probability(place, elevation_rad * (180.0 / math.pi))
    if settings.average == "gain":
        blocked, clear = (db_to_linear(-loss_db) for loss_db in (place.nlos_db, place.los_db))
        return blocked + los * (clear - blocked)
    return torch.exp(-_NEPER * (place.nlos_db + los * (place.los_db - place.nlos_db)))


def shadowing_sigma_db(settings: AirToGroundSettings, elevation_rad: Tensor) -> Tensor:
    """Computes the standard deviation of shadowing averaged over line of sight, in dB, of any shape.

    Args:
        settings: environment, and the standard deviations with and without line of sight.
        elevation_rad: elevation of the UAV as the user sees it.
    """
    unit = 1.0 if settings.form == "as_published" else 180.0 / math.pi
    los = los_probability(ENVIRONMENTS[settings.environment], elevation_rad * unit)
    return mixed_sigma_db(los, settings.shadowing_los_db, settings.shadowing_nlos_db)


def free_space_factor(carrier_hz: float) -> float:
    """Computes ``(c / (4 pi f))^2`` in m^2, the gain of free space times the squared distance."""
    return (SPEED_OF_LIGHT_MPS / (4.0 * math.pi * carrier_hz)) ** 2


def path_loss_db(settings: AirToGroundSettings, carrier_hz: float, horizontal_m: Tensor, height_m: Tensor) -> Tensor:
    """Computes the path loss of a UAV and a user, in dB, of the shape of both distances.

    Args:
        settings: environment and average.
        carrier_hz: carrier frequency.
        horizontal_m: horizontal distance.
        height_m: height of the UAV above the user.
    """
    elevation = torch.atan2(height_m, horizontal_m)
    gain = excess_gain(settings, elevation) * free_space_factor(carrier_hz) / (horizontal_m**2 + height_m**2)
    return -10.0 * torch.log10(gain)
