"""Computes gains of panels with sets of analogue beams, as ITU-R M.2412 and RP-180524 describe them.

A panel of M rows and N columns of elements is cut into Mp x Np sub-arrays for each polarization, one for each port. A
port points one beam at a time: a set of azimuths and zeniths in the panel's own axes, in which (0, 90) degrees is the
panel's normal, and for each pair of them the two-dimensional DFT weights ``exp(-j 2 pi d . r) / sqrt(K)`` of the K
elements of the port. Ports of other panels and polarizations have gains of the same kind and are not looked at.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT
from .element import element_gain_db, element_of
from .geometry import PanelGeometry

MOST_BEAMS = 256
"""Most beams of a set."""

_NEAR_A_LOBE = 1e-4  # of the sine, where sin(K x) / sin(x) has its limit K

Azimuths = Annotated[tuple[Annotated[float, Field(ge=-180.0, le=180.0)], ...], Field(min_length=1, max_length=64)]
Zeniths = Annotated[tuple[Annotated[float, Field(ge=0.0, le=180.0)], ...], Field(min_length=1, max_length=64)]


@dataclass(frozen=True, config=STRICT)
class BeamPanelSettings(PanelGeometry):
    """Holds a panel in the notation of ITU-R M.2412, (M, N, P, Mg, Ng; Mp, Np), and the set of its beams."""

    polarizations: Literal[1, 2] = 2
    """P: one, vertical; or two, which are at 45 degrees in a base station and at 0 and 90 in a user."""
    panel_rows: int = Field(default=1, ge=1, le=8)
    """Mg: panels above each other; each has the same beams, and the ports of one are looked at."""
    panel_columns: int = Field(default=1, ge=1, le=8)
    """Ng: panels beside each other; a user's look in directions evenly spread over the circle."""
    port_rows: int = Field(default=1, ge=1, le=64)
    """Mp: ports above each other, of a panel and polarization; it divides the rows."""
    port_columns: int = Field(default=1, ge=1, le=64)
    """Np: ports beside each other, of a panel and polarization; it divides the columns."""
    beam_azimuth_deg: Azimuths = (0.0,)
    """Azimuths of the beams in the panel's axes."""
    beam_zenith_deg: Zeniths = (90.0,)
    """Zeniths of the beams; every azimuth is met with every zenith. One of each is an electrical tilt."""

    @property
    def beams(self) -> int:
        """Returns the number of beams of a port."""
        return len(self.beam_azimuth_deg) * len(self.beam_zenith_deg)

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        for name, ports, elements, what in (
            ("port_rows", self.port_rows, self.rows, "rows"),
            ("port_columns", self.port_columns, self.columns, "columns"),
        ):
            if elements % ports:
                allowed = [str(k) for k in range(1, elements + 1) if elements % k == 0]
                raise ValueError(
                    f"{name} is {ports}, but ports share the panel's {elements} {what} evenly; choose one of "
                    f"{', '.join(allowed)}, or another panel"
                )
        return self

    @model_validator(mode="after")
    def _check_beams(self) -> Self:
        if self.beams > MOST_BEAMS:
            raise ValueError(f"{self.beams} beams are too many: azimuths times zeniths are at most {MOST_BEAMS}")
        for name, angles in (("beam_azimuth_deg", self.beam_azimuth_deg), ("beam_zenith_deg", self.beam_zenith_deg)):
            if len(set(angles)) < len(angles):
                raise ValueError(f"{name} holds an angle twice: {list(angles)}; each beam stands once in the set")
        return self


def port_polarization(panel: BeamPanelSettings) -> Literal["vertical", "slant"]:
    """Returns the polarization of port 0 of a base station's panel relative to a UE's antennas."""
    return "slant" if panel.polarizations == 2 else "vertical"


def panel_bearings_rad(panel: BeamPanelSettings) -> list[float]:
    """Computes the bearings of a UE's panels, from the first one."""
    return [2.0 * math.pi * p / panel.panel_columns for p in range(panel.panel_columns)]


def beam_gains(panel: BeamPanelSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the linear gain of each beam of a port towards a direction.

    ``G(phi, theta) |sum_k exp(j 2 pi d_k . (r - r_q))|^2 / K`` with G the element's gain, r the direction and r_q that
    of beam q; K is the number of the port's elements.

    Args:
        panel: the panel.
        azimuth_rad: azimuth from the panel's bearing ``[...]``.
        zenith_rad: angle from the upward vertical ``[...]``.

    Returns:
        ``[..., Q]``, azimuths fastest.
    """
    forward, sideways, up = _in_axes(panel, azimuth_rad, zenith_rad)
    aim_azimuth, aim_zenith = _aims(panel, azimuth_rad)
    across = _array_gain(
        panel.columns // panel.port_columns,
        panel.column_spacing_wavelengths,
        sideways[..., None, None] - torch.sin(aim_zenith)[:, None] * torch.sin(aim_azimuth),
    )
    along = _array_gain(
        panel.rows // panel.port_rows, panel.row_spacing_wavelengths, up[..., None] - torch.cos(aim_zenith)
    )
    element = element_gain_db(element_of(panel), torch.atan2(sideways, forward), torch.acos(up.clamp(-1.0, 1.0)))
    linear = torch.exp(element * (math.log(10.0) / 10.0))
    return ((linear[..., None] * along)[..., None] * across).flatten(-2)


def _in_axes(panel: BeamPanelSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Computes a direction's components along the panel's normal, to its left and upwards in its plane."""
    up, out = torch.cos(zenith_rad), torch.sin(zenith_rad)
    forward, sideways = out * torch.cos(azimuth_rad), out * torch.sin(azimuth_rad)
    if panel.mechanical_tilt_deg == 0.0:
        return forward, sideways, up
    tilt = math.radians(panel.mechanical_tilt_deg)
    sine, cosine = math.sin(tilt), math.cos(tilt)
    return forward * cosine - up * sine, sideways, forward * sine + up * cosine


def _aims(panel: BeamPanelSettings, like: Tensor) -> tuple[Tensor, Tensor]:
    return torch.deg2rad(like.new_tensor(panel.beam_azimuth_deg)), torch.deg2rad(like.new_tensor(panel.beam_zenith_deg))


def _array_gain(count: int, spacing_wavelengths: float, difference: Tensor) -> Tensor:
    """Computes ``|sum_k exp(j 2 pi k d x)|^2 / K`` of K elements in a line, which is ``sin(K y)^2 / (K sin(y)^2)``."""
    if count == 1:
        return torch.ones_like(difference)
    half = math.pi * spacing_wavelengths * difference
    below = torch.sin(half)
    near = below.abs() < _NEAR_A_LOBE
    ratio = torch.sin(count * half) / torch.where(near, 1.0, below)
    return torch.where(near, float(count), ratio.square() / count)
