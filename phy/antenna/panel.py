"""Computes responses of panels of antennas: elements in rows and columns, one or two polarizations, wired to ports.

A panel stands in the y-z plane of its own axes and looks along x (TR 38.901 clause 7.3). Its ports are sub-arrays
(TXRU virtualization by partition, TR 36.897 clause 5.2.2): each feeds neighbouring elements of one column and one
polarization, with weights of equal power whose phases tilt its beam. Ports and elements are numbered with rows
fastest, then columns, then polarizations, which is the order of the type I codebook with N1 columns and N2 rows of
ports (TS 38.214 clause 5.2.2.2.1).

All angles are in rad, azimuth anticlockwise from x, zenith from the upward vertical. An orientation is the bearing,
downtilt and slant (alpha, beta, gamma) of TR 38.901 clause 7.1.3 in its last axis.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT
from .element import element_gain_db, element_of
from .geometry import PanelGeometry

MAX_PORTS = 64
"""Most ports that a panel may have."""

_TINY = 1e-12  # keeps the angle between two polarization frames defined at the pole


@dataclass(frozen=True, config=STRICT)
class PanelSettings(PanelGeometry):
    """Holds a panel of antennas, of a base station or a UE.

    Source: 3GPP TR 38.901, clause 7.3.
    """

    polarizations: Literal[1, 2] = 1
    """Elements at each place; two of them are perpendicular."""
    polarization_slant_deg: float | None = Field(default=None, ge=-90.0, le=90.0)
    """Slant of the first polarization, 0 is vertical, the second is 90 degrees on; none means 0, or -45 for two."""
    element: Literal["sector", "omni"] = "omni"
    """Element of TR 38.901 Table 7.3-1, or 0 dBi in every direction (then the fields of the element are not read)."""
    ports: int = Field(default=1, ge=1, le=MAX_PORTS)
    """Ports: polarizations * columns * k, each feeding rows / k elements, where k divides the rows."""
    electrical_tilt_deg: float = Field(default=90.0, ge=0.0, le=180.0)
    """Zenith angle of the beam of a port of several elements: 90 is along the panel's normal, 102 is below it."""
    bearing_deg: float = Field(default=0.0, ge=-360.0, le=360.0)
    """Turn of the panel about the vertical, anticlockwise, added to the boresight of its cell."""
    slant_deg: float = Field(default=0.0, ge=-180.0, le=180.0)
    """Turn of the panel about its normal."""

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        chains = self.polarizations * self.columns
        allowed = [chains * k for k in range(1, self.rows + 1) if self.rows % k == 0 and chains * k <= MAX_PORTS]
        panel = f"{self.rows} rows x {self.columns} columns x {self.polarizations} polarizations"
        if not allowed:
            raise ValueError(
                f"a panel of {panel} needs at least {chains} ports, but {MAX_PORTS} is the most; lower columns"
            )
        if self.ports not in allowed:
            raise ValueError(
                f"ports is {self.ports}, but a panel of {panel} can have {_enumerate(allowed)} "
                "(a port feeds an equal share of one column of one polarization); choose one of these, or another panel"
            )
        return self

    @property
    def elements(self) -> int:
        """Returns the number of elements."""
        return self.rows * self.columns * self.polarizations

    @property
    def port_rows(self) -> int:
        """Returns the number of ports above each other; the number beside each other is that of the columns."""
        return self.ports // (self.polarizations * self.columns)

    @property
    def rows_per_port(self) -> int:
        """Returns the number of elements that a port feeds."""
        return self.rows // self.port_rows

    @property
    def slants_rad(self) -> tuple[float, ...]:
        """Returns the slant of each polarization in rad."""
        first = self.polarization_slant_deg
        if first is None:
            first = 0.0 if self.polarizations == 1 else -45.0
        return tuple(math.radians(first + 90.0 * p) for p in range(self.polarizations))


def orientation_rad(settings: PanelSettings, boresight_rad: Tensor) -> Tensor:
    """Computes the orientation of panels whose cells (or UEs) look towards ``boresight_rad`` ``[...]``:
    ``[..., 3]``.
    """
    bearing = boresight_rad + math.radians(settings.bearing_deg)
    fixed = [torch.full_like(bearing, math.radians(a)) for a in (settings.mechanical_tilt_deg, settings.slant_deg)]
    return torch.stack((bearing, *fixed), -1)


def element_positions(settings: PanelSettings) -> Tensor:
    """Computes the positions of all elements in wavelengths from the panel's centre, in its own axes, float64
    ``[A, 3]``.
    """
    return _grid(settings, settings.rows, settings.row_spacing_wavelengths).repeat(settings.polarizations, 1)


def port_positions(settings: PanelSettings) -> Tensor:
    """Computes the centres of the elements of each port in wavelengths, float64 ``[Np, 3]``."""
    spacing = settings.row_spacing_wavelengths * settings.rows_per_port
    return _grid(settings, settings.port_rows, spacing).repeat(settings.polarizations, 1)


def unit_vector(azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes a direction as a unit vector ``[..., 3]`` (TR 38.901 equation 7.1-6)."""
    out = torch.sin(zenith_rad)
    return torch.stack((out * torch.cos(azimuth_rad), out * torch.sin(azimuth_rad), torch.cos(zenith_rad)), -1)


def rotation(orientation_rad: Tensor) -> Tensor:
    """Computes the matrix from a panel's own axes to the global ones, ``[..., 3, 3]`` (TR 38.901 equation 7.1-4)."""
    (ca, cb, cc), (sa, sb, sc) = orientation_rad.cos().unbind(-1), orientation_rad.sin().unbind(-1)
    rows = (
        (ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc),
        (sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc),
        (-sb, cb * sc, cb * cc),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def to_local(orientation_rad: Tensor, azimuth_rad: Tensor, zenith_rad: Tensor) -> tuple[Tensor, Tensor]:
    """Converts azimuth and zenith angle to a panel's own axes (TR 38.901 equations 7.1-7 and 7.1-8).

    Args:
        orientation_rad: ``[..., 3]``.
        azimuth_rad: global ``[...]``.
        zenith_rad: global ``[...]``.
    """
    global_ = unit_vector(azimuth_rad, zenith_rad)
    x, y, z = (rotation(orientation_rad) * global_[..., None]).sum(-2).unbind(-1)
    return torch.atan2(y, x), torch.acos(z.clamp(-1.0, 1.0))


def steering(positions: Tensor, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the phases ``exp(j 2 pi r . d)`` of a wave from or to a direction at positions in wavelengths.

    Args:
        positions: ``[A, 3]``.
        azimuth_rad: in the same axes ``[...]``.
        zenith_rad: ``[...]``.

    Returns:
        complex ``[..., A]``.
    """
    x, y, z = unit_vector(azimuth_rad, zenith_rad)[..., None, :].unbind(-1)
    place_x, place_y, place_z = positions.to(azimuth_rad).unbind(-1)
    # Not a matrix product, whose last bits depend on how many directions are asked for.
    phase = 2.0 * math.pi * (x * place_x + y * place_y + z * place_z)
    return torch.complex(torch.cos(phase), torch.sin(phase))


def port_response(settings: PanelSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the response of each port to a wave of its own polarization; ``|.|^2`` is the port's gain.

        r_p = sqrt(G(phi, theta)) S(theta) exp(j 2 pi r . d_p),
        S(theta) = K^-1/2 sum_i exp(j 2 pi (i - (K - 1) / 2) d_V (cos theta - cos theta_tilt)), K elements a port

    Args:
        settings: the panel.
        azimuth_rad: in the panel's own axes ``[...]``.
        zenith_rad: ``[...]``.

    Returns:
        complex ``[..., Np]``.
    """
    amplitude = _element_amplitude(settings, azimuth_rad, zenith_rad) * _column_amplitude(settings, zenith_rad)
    return amplitude[..., None] * steering(port_positions(settings), azimuth_rad, zenith_rad)


def port_fields(settings: PanelSettings, orientation_rad: Tensor, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    """Computes the field patterns ``(F_theta, F_phi)`` of each port with all phases, in global components.

    Slanted elements after model 2 (TR 38.901 equations 7.3-4 and 7.3-5), turned from the panel's own axes to the
    global ones by equations 7.1-11 and 7.1-15.

    Args:
        settings: the panel.
        orientation_rad: ``[..., 3]``, broadcast against the angles.
        azimuth_rad: global ``[...]``.
        zenith_rad: global ``[...]``.

    Returns:
        complex ``[..., Np, 2]``.
    """
    response = port_response(settings, *to_local(orientation_rad, azimuth_rad, zenith_rad))
    cos_psi, sin_psi = _turn(orientation_rad, azimuth_rad, zenith_rad)
    slant = torch.tensor(settings.slants_rad, dtype=cos_psi.dtype, device=cos_psi.device)
    slant = slant.repeat_interleave(settings.ports // settings.polarizations)
    cos_psi, sin_psi = cos_psi[..., None], sin_psi[..., None]
    theta = slant.cos() * cos_psi - slant.sin() * sin_psi
    phi = slant.cos() * sin_psi + slant.sin() * cos_psi
    return response[..., None] * torch.stack((theta, phi), -1)


def _grid(settings: PanelSettings, rows: int, row_spacing: float) -> Tensor:
    """Computes the positions of one polarization, columns slow and rows fast, around the origin."""
    y = (torch.arange(settings.columns, dtype=torch.float64) - (settings.columns - 1) / 2)[:, None]
    z = (torch.arange(rows, dtype=torch.float64) - (rows - 1) / 2)[None]
    y, z = torch.broadcast_tensors(y * settings.column_spacing_wavelengths, z * row_spacing)
    return torch.stack((torch.zeros_like(y), y, z), -1).flatten(0, 1)


def _element_amplitude(settings: PanelSettings, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    if settings.element == "omni":
        return torch.ones_like(azimuth_rad * zenith_rad)
    return torch.pow(10.0, element_gain_db(element_of(settings), azimuth_rad, zenith_rad) / 20.0)


def _column_amplitude(settings: PanelSettings, zenith_rad: Tensor) -> Tensor:
    """Computes the real array factor of a port's elements about their centre; its square is at most their number."""
    count = settings.rows_per_port
    if count == 1:
        return torch.ones_like(zenith_rad)
    beam = math.cos(math.radians(settings.electrical_tilt_deg))
    step = 2.0 * math.pi * settings.row_spacing_wavelengths * (torch.cos(zenith_rad) - beam)
    place = torch.arange(count, dtype=step.dtype, device=step.device) - (count - 1) / 2
    return torch.cos(step[..., None] * place).sum(-1) / math.sqrt(count)


def _turn(orientation_rad: Tensor, azimuth_rad: Tensor, zenith_rad: Tensor) -> tuple[Tensor, Tensor]:
    """Computes cosine and sine of the angle psi from local to global polarization (TR 38.901 equation 7.1-15)."""
    alpha, beta, gamma = orientation_rad.unbind(-1)
    turn = azimuth_rad - alpha
    cos_zenith, sin_zenith = torch.cos(zenith_rad), torch.sin(zenith_rad)
    real = gamma.sin() * cos_zenith * turn.sin() + gamma.cos() * (
        beta.cos() * sin_zenith - beta.sin() * cos_zenith * turn.cos()
    )
    imag = gamma.sin() * turn.cos() + beta.sin() * gamma.cos() * turn.sin()
    length = torch.hypot(real, imag)
    defined = length > _TINY
    one = torch.ones_like(length)
    return torch.where(defined, real / length.clamp_min(_TINY), one), torch.where(defined, imag / length, 0.0 * one)


def _enumerate(values: list[int]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
