"""Computes the gain of a base station's antenna: one element, or a vertical column of them with an electrical tilt."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT

_NULL = 1e-10  # nulls of the column are 100 dB deep, not bottomless
_NEAR_A_LOBE = 1e-6  # of the sine, where sin(M x) / sin(x) has its limit M


@dataclass(frozen=True, config=STRICT)
class ElementSettings:
    """Holds the element pattern of TR 38.901 Table 7.3-1."""

    # Descriptions stand in the fields themselves: those in docstrings are not inherited.
    max_gain_dbi: float = Field(
        default=8.0,
        ge=0.0,
        le=30.0,
        description="Gain of one element at its boresight: 8 outdoors, 5 under a ceiling and of UEs above 6 GHz.",
    )
    horizontal_hpbw_deg: float = Field(
        default=65.0,
        gt=0.0,
        le=360.0,
        description="Half-power beamwidth of an element in azimuth: 65 outdoors, 90 under a ceiling and of UEs.",
    )
    vertical_hpbw_deg: float = Field(
        default=65.0, gt=0.0, le=180.0, description="Half-power beamwidth of an element in elevation."
    )
    front_to_back_db: float = Field(
        default=30.0,
        ge=0.0,
        le=60.0,
        description="Greatest attenuation of an element in azimuth, and in all (A_max): 30 outdoors, 25 else.",
    )
    side_lobe_db: float = Field(
        default=30.0, ge=0.0, le=60.0, description="Greatest attenuation of an element in elevation (SLA_V)."
    )


ELEMENT_FIELDS = tuple(field.name for field in fields(ElementSettings))
"""Names of the fields that describe an element."""


@dataclass(frozen=True, config=STRICT)
class SectorAntennaSettings(ElementSettings):
    """Holds the antenna of each cell: one element, or a vertical column of them."""

    kind: Literal["sector", "omni"] = "sector"
    """Sector antenna, or 0 dBi in every direction (then no other field is read)."""
    vertical_elements: int = Field(default=8, ge=1, le=64)
    """Elements of the column, fed with equal power, which adds 10 log10(vertical_elements) to the gain; 1 is a single
    element, which has no electrical tilt."""
    vertical_spacing_wavelengths: float = Field(default=0.8, gt=0.0, le=2.0)
    """Distance between the elements in wavelengths."""
    electrical_tilt_deg: float = Field(default=99.0, ge=0.0, le=180.0)
    """Zenith angle of the column's beam: 90 is along the panel's normal, 102 is 12 degrees below it."""
    mechanical_tilt_deg: float = Field(default=0.0, ge=-90.0, le=90.0)
    """Angle by which the whole panel leans downwards; 90 under a ceiling looks at the floor."""
    polarization: Literal["vertical", "slant"] = "vertical"
    """Polarization of the received port: that of the UE's antennas, or at 45 degrees to them.

    Port 0 of a cross-polarised panel is slant. A UE's antennas at 0 and 90 degrees, or a vertical one alone, receive
    half of its power, and what scattering turns from one polarisation into the other.
    """


def element_of(panel: ElementSettings) -> SectorAntennaSettings:
    """Builds the antenna that is a single element of a panel."""
    return SectorAntennaSettings(**{name: getattr(panel, name) for name in ELEMENT_FIELDS}, vertical_elements=1)


def gain_db(settings: SectorAntennaSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the gain in dBi towards a direction: element pattern plus array factor.

    Args:
        settings: the antenna.
        azimuth_rad: azimuth from the boresight ``[...]``, any multiple of a turn added.
        zenith_rad: angle from the upward vertical in [0, pi] ``[...]``; UEs below the antenna are beyond pi / 2.

    Returns:
        ``[...]``, dBi.
    """
    if settings.kind == "omni":
        return torch.zeros_like(azimuth_rad * zenith_rad)
    if settings.mechanical_tilt_deg != 0.0:
        azimuth_rad, zenith_rad = _tilted(math.radians(settings.mechanical_tilt_deg), azimuth_rad, zenith_rad)
    return element_gain_db(settings, azimuth_rad, zenith_rad) + _column_gain_db(settings, zenith_rad)


def polarization_gain(settings: SectorAntennaSettings, xpr_db: tuple[float, float]) -> tuple[float, float]:
    """Computes the share of the power that a UE's antennas receive, of scattered rays and of the direct one, linear.

    A ray's amplitudes between vertical and horizontal are ``1`` and ``sqrt(1 / kappa)`` with random phases (TR 38.901
    equation 7.5-28); a port at 45 degrees is received with ``(1 + 1/kappa) / 2``, and in the direct ray, which
    keeps its polarisation, with 1/2. The mean of ``1 / kappa`` over a link's rays is that of its log-normal law.

    Args:
        settings: the antenna.
        xpr_db: mean and standard deviation of kappa in dB.
    """
    if settings.kind == "omni" or settings.polarization == "vertical":
        return 1.0, 1.0
    mean, sigma = (value * math.log(10.0) / 10.0 for value in xpr_db)
    return 0.5 * (1.0 + math.exp(0.5 * sigma**2 - mean)), 0.5


def element_gain_db(settings: ElementSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the gain of a single element in dBi ``[...]`` (TR 38.901 Table 7.3-1); angles in the panel's
    own axes.
    """
    azimuth_deg = torch.rad2deg(torch.remainder(azimuth_rad + math.pi, 2.0 * math.pi) - math.pi)
    elevation_deg = torch.rad2deg(zenith_rad) - 90.0
    horizontal = (12.0 * (azimuth_deg / settings.horizontal_hpbw_deg) ** 2).clamp_max(settings.front_to_back_db)
    vertical = (12.0 * (elevation_deg / settings.vertical_hpbw_deg) ** 2).clamp_max(settings.side_lobe_db)
    return settings.max_gain_dbi - (horizontal + vertical).clamp_max(settings.front_to_back_db)


def _column_gain_db(settings: SectorAntennaSettings, zenith_rad: Tensor) -> Tensor:
    """Computes the array factor ``|sum_m exp(j 2 pi m d (cos zenith - cos tilt))|^2 / M`` in dB; weights of unit power.

    The sum is ``sin(M x) / sin(x)`` with x half the phase from element to element.
    """
    beam = math.cos(math.radians(settings.electrical_tilt_deg))
    half = math.pi * settings.vertical_spacing_wavelengths * (torch.cos(zenith_rad) - beam)
    count = settings.vertical_elements
    if count == 1:
        return torch.zeros_like(half)
    below = torch.sin(half)
    power = (torch.sin(count * half) / below).square()
    power = torch.where(below.abs() < _NEAR_A_LOBE, float(count**2), power)
    return 10.0 * torch.log10((power / count).clamp_min(_NULL))


def _tilted(tilt_rad: float, azimuth_rad: Tensor, zenith_rad: Tensor) -> tuple[Tensor, Tensor]:
    """Computes azimuth and zenith angle in the axes of a panel that is tilted (TR 38.901 equations 7.1-7 and 7.1-8)."""
    sin_tilt, cos_tilt = math.sin(tilt_rad), math.cos(tilt_rad)
    up, out = torch.cos(zenith_rad), torch.sin(zenith_rad)
    forward, sideways = out * torch.cos(azimuth_rad), out * torch.sin(azimuth_rad)
    zenith = torch.acos((forward * sin_tilt + up * cos_tilt).clamp(-1.0, 1.0))
    return torch.atan2(sideways, forward * cos_tilt - up * sin_tilt), zenith
