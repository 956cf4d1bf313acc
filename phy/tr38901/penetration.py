"""Computes the loss into buildings and cars, TR 38.901 clauses 7.4.3.1 and 7.4.3.2.

Buildings have a low or a high loss, or are a mixture of both. The legacy model (20 dB through the wall, Table 7.4.3-3)
is that of TR 36.873, and of ITU-R M.2412's channel model A, for UMa and UMi below 6 GHz.
"""

from __future__ import annotations

import math
import warnings
from typing import Literal

import torch
from torch import Tensor

from ..random import normal, uniform
from ..units import db_to_linear
from .pathloss import Edition

O2IModel = Literal["none", "low", "high", "mixed", "legacy"]
"""Buildings: no loss at all, low loss (plain glass), high loss (infrared-reflecting glass), some of each, legacy."""
CarModel = Literal["standard", "metallised"]

INDOOR_DB_PER_M = 0.5
SIGMA_DB = {"low": 4.4, "high": 6.5}
LEGACY_WALL_DB = 20.0
LEGACY_UP_TO_HZ = 6e9
CAR_DB: dict[CarModel, tuple[float, float]] = {"standard": (9.0, 5.0), "metallised": (20.0, 5.0)}
"""Mean and standard deviation of the loss into a car in dB; with metallised windows the mean is 20 dB."""
CAR_HZ = (0.6e9, 60e9)
"""Carrier frequencies for which the loss into cars is stated."""


def wall_loss_db(model: Literal["low", "high"], carrier_hz: float, edition: Edition = "v19") -> float:
    """Computes the loss through the outer wall PL_tw in dB: 30 or 70 % glass, the rest concrete (Tables 7.4.3-1 and
    7.4.3-2).

    V19 of TR 38.901 measured glass that reflects infrared anew: 25.4 + 0.11 f dB, which was 23 + 0.3 f before.
    """
    ghz = carrier_hz / 1e9
    concrete = db_to_linear(-(5.0 + 4.0 * ghz))
    if model == "low":
        through = 0.3 * db_to_linear(-(2.0 + 0.2 * ghz)) + 0.7 * concrete
    else:
        glass = 25.4 + 0.11 * ghz if edition == "v19" else 23.0 + 0.3 * ghz
        through = 0.7 * db_to_linear(-glass) + 0.3 * concrete
    return 5.0 - 10.0 * math.log10(through)


def penetration_loss_db(
    keys: Tensor,
    model: O2IModel,
    carrier_hz: float,
    indoor: Tensor,
    indoor_distance_m: Tensor,
    high_loss_share: float = 0.5,
    edition: Edition = "v19",
) -> Tensor:
    """Draws the loss from outdoors to each UE, ``PL_tw + 0.5 d_2D-in + N(0, sigma_P^2)`` in dB (TR 38.901 equation
    7.4-2).

    The random part (4.4 dB low, 6.5 dB high, none in the legacy model) is one per UE, the same to all base stations.

    Args:
        keys: int64 ``[B]``.
        model: building type; "none" costs nothing.
        carrier_hz: carrier frequency.
        indoor: bool ``[B, U]``; UEs outdoors lose nothing.
        indoor_distance_m: d_2D-in ``[B, U]``.
        high_loss_share: share of UEs indoors in buildings of high loss, where the model is "mixed".
        edition: of the tables.

    Returns:
        float64 ``[B, U]``.
    """
    if model == "none":
        return torch.zeros_like(indoor_distance_m)
    if model == "legacy":
        return indoor * (LEGACY_WALL_DB + INDOOR_DB_PER_M * indoor_distance_m)
    users = indoor.shape[1]
    share = {"low": 0.0, "high": 1.0, "mixed": high_loss_share}[model]
    high = uniform(keys, (users,), start=users) < share
    wall = torch.where(high, wall_loss_db("high", carrier_hz, edition), wall_loss_db("low", carrier_hz, edition))
    random_db = torch.where(high, SIGMA_DB["high"], SIGMA_DB["low"]) * normal(keys, (users,))
    return indoor * (wall + INDOOR_DB_PER_M * indoor_distance_m + random_db)


def car_loss_db(keys: Tensor, in_car: Tensor, model: CarModel = "standard") -> Tensor:
    """Draws the loss into cars ``N(9, 5^2)`` in dB, one per UE, ``[B, U]`` (TR 38.901 clause 7.4.3.2); 0.6 to 60 GHz.

    Args:
        keys: int64 ``[B]``.
        in_car: bool ``[B, U]``; all others lose nothing.
        model: car with plain or metallised windows.
    """
    mean, sigma = CAR_DB[model]
    return in_car * (mean + sigma * normal(keys, (in_car.shape[1],)))


def check_car_validity(carrier_hz: float) -> None:
    """Warns where the loss into cars is computed outside of 0.6 to 60 GHz (TR 38.901 clause 7.4.3.2)."""
    if not CAR_HZ[0] <= carrier_hz <= CAR_HZ[1]:
        warnings.warn(
            "loss into cars is extrapolated: TR 38.901 clause 7.4.3.2 states it for 0.6 to 60 GHz, and the carrier "
            "lies outside",
            stacklevel=3,
        )
