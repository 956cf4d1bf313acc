"""Converts between the units of the configuration files and SI, and computes thermal noise.

Inside the engine everything is linear and SI; decibels stand at the edges and in the standard's own formulas.
Every conversion takes a float or a tensor and returns the same kind.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

Number = TypeVar("Number", float, Tensor)

SPEED_OF_LIGHT_MPS = 299_792_458.0
"""Speed of light in vacuum (m/s), exact (SI)."""

BOLTZMANN = 1.380_649e-23
"""Boltzmann constant (J/K), exact (SI)."""


def db_to_linear(value_db: Number) -> Number:
    """Converts a value in dB to a ratio of powers, ``10 ** (x / 10)``."""
    if isinstance(value_db, Tensor):
        return torch.pow(10.0, value_db / 10.0)
    return math.pow(10.0, value_db / 10.0)


def linear_to_db(ratio: Number) -> Number:
    """Converts a ratio of powers to dB, ``10 log10(x)``; zero gives -inf for a tensor, ValueError for a float."""
    if isinstance(ratio, Tensor):
        return 10.0 * torch.log10(ratio)
    return 10.0 * math.log10(ratio)


def dbm_to_w(power_dbm: Number) -> Number:
    """Converts a power in dBm to W: 30 dBm is 1 W."""
    return db_to_linear(power_dbm - 30.0)


def kmh_to_mps(speed_kmh: Number) -> Number:
    """Converts a speed in km/h to m/s."""
    return speed_kmh / 3.6


def noise_power_w(bandwidth_hz: float, noise_figure_db: float, temperature_k: float = 290.0) -> float:
    """Computes the thermal noise power of a receiver in W, ``k T B F``.

    At 290 K and 0 dB noise figure this is -174.0 dBm per Hz.

    Args:
        bandwidth_hz: noise bandwidth B in Hz.
        noise_figure_db: noise figure F of the receiver in dB.
        temperature_k: temperature T of the source in K.
    """
    return BOLTZMANN * temperature_k * bandwidth_hz * db_to_linear(noise_figure_db)
