"""Computes the loss by blockage model A of TR 38.901 (clause 7.6.4.1): blocked directions around each UE.

One region is the person with the UE, fixed in its coordinates, with 30 dB. Others are people or cars at a distance;
their directions and widths are correlated like ``exp(-(dx / d_corr + dt / t_corr))`` over the UE's movement ``dx``
and the time ``dt``, with ``t_corr = d_corr / blocker's speed``.

Such a process is a sum of waves over place and time. Waves shorter than 5 m are drawn out to 5 m, like those
of shadowing: the exponential would change without bound over small steps (ours).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..random import Drops, uniform
from ..settings import STRICT
from ..units import SPEED_OF_LIGHT_MPS
from .knife_edge import edge_contribution, screen_loss_db

SELF_LOSS_DB = 30.0
_WAVES = 64
_SHORTEST_WAVE_M = 5.0
_CORRELATION_M = {"outdoor": 10.0, "indoor": 5.0}  # Table 7.6.4.1-4, O2I and InH like indoors
_DISTANCE_M = {"outdoor": 10.0, "indoor": 2.0}  # r of Table 7.6.4.1-2
_WIDTH_DEG = {"outdoor": ((5.0, 15.0), (5.0, 5.0)), "indoor": ((15.0, 45.0), (5.0, 15.0))}  # x and y of that table
_SELF_DEG = {"portrait": (260.0, 120.0, 100.0, 80.0), "landscape": (40.0, 160.0, 110.0, 75.0)}  # Table 7.6.4.1-1


@settings(frozen=True, config=STRICT)
class ModelASettings:
    """Holds the settings of blockage model A: blocked directions around each UE."""

    model: Literal["regions"] = "regions"
    """Name of the model of blockage."""
    self_blocking: Literal["none", "portrait", "landscape"] = "portrait"
    """How the UE is held: which directions the person with it blocks."""
    blockers: int = Field(default=4, ge=0, le=16)
    """Other blockers around each UE."""
    environment: Literal["outdoor", "indoor"] = "outdoor"
    """Sizes and distances of the blockers."""
    blocker_speed_kmh: float = Field(default=3.0, ge=0.0, le=100.0)
    """Speed of the other blockers; 0 leaves only the UE's own movement."""
    edge_deg: float = Field(default=10.0, ge=0.0, le=60.0)
    """Width of the border of the region of the person with the UE, over which the loss rises; the standard has 0."""


@dataclass(frozen=True)
class BlockingRegions:
    """Holds the blocked regions of every UE as functions of position and time."""

    settings: ModelASettings
    heading_rad: Tensor  # [B, U] which way a UE faces
    wave: Tensor  # [B, U, Bk, 3, waves, 3] float64: wave numbers along x and y in 1/m, angular frequency in 1/s
    phase: Tensor  # [B, U, Bk, 3, waves]

    def to(self, device: torch.device) -> BlockingRegions:
        """Moves the regions to another device."""
        return BlockingRegions(self.settings, self.heading_rad.to(device), self.wave.to(device), self.phase.to(device))


def draw_blocking_regions(
    drops: Drops, settings: ModelASettings, users: int, stream: str = "blockage"
) -> BlockingRegions:
    """Draws the regions of all UEs, drop by drop (streams ``<stream>/heading`` and ``<stream>/regions``)."""
    parts = [_draw(drop, settings, users, stream) for drop in drops.single()]
    return BlockingRegions(settings, *(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def model_a_loss_db(
    regions: BlockingRegions, position_m: Tensor, t_s: float, azimuth_rad: Tensor, zenith_rad: Tensor, carrier_hz: float
) -> Tensor:
    """Computes the loss of each direction in dB ``[B, U, Si]``.

    Args:
        regions: what is blocked.
        position_m: of the UEs, not wrapped, ``[B, U, 3]``.
        t_s: time in s.
        azimuth_rad: directions from the UE, anticlockwise from the x axis, ``[B, U, Si]``.
        zenith_rad: their angles from the upward vertical, ``[B, U, Si]``.
        carrier_hz: carrier frequency.
    """
    loss = _own_loss_db(regions, azimuth_rad, zenith_rad)
    if not regions.settings.blockers:
        return loss
    distance_m = _DISTANCE_M[regions.settings.environment]
    azimuth, width, height = _at(regions, position_m, t_s)  # [B, U, Bk] each
    off = _wrapped(azimuth_rad[..., None] - azimuth[:, :, None])  # [B, U, Si, Bk]
    rise = zenith_rad[..., None] - 0.5 * math.pi
    x, y = width[:, :, None], height[:, :, None]
    wavelength_m = SPEED_OF_LIGHT_MPS / carrier_hz

    def both(away: Tensor, size: Tensor) -> Tensor:
        upper, lower = away + 0.5 * size, away - 0.5 * size
        detour = [distance_m * (1.0 / torch.cos(angle.clamp(-1.5, 1.5)) - 1.0) for angle in (upper, lower)]
        return edge_contribution(upper, detour[0], wavelength_m) - edge_contribution(lower, detour[1], wavelength_m)

    near = (off.abs() < x) & (rise.abs() < y)
    return loss + torch.where(near, screen_loss_db(both(off, x), both(rise, y)), 0.0).sum(-1)


def _draw(drop: Drops, settings: ModelASettings, users: int, stream: str) -> tuple[Tensor, Tensor, Tensor]:
    """Draws heading, waves and phases of one drop."""
    heading = 2.0 * math.pi * uniform(drop.keys(f"{stream}/heading"), (users,))
    draw = uniform(drop.keys(f"{stream}/regions"), (users, settings.blockers, 3, _WAVES, 4))
    scale_m = _CORRELATION_M[settings.environment]
    highest = 2.0 * math.pi / _SHORTEST_WAVE_M
    number = (torch.sqrt((1.0 - draw[..., 0]) ** -2 - 1.0) / scale_m).clamp(
        max=highest
    )  # as in phy's fields of shadowing
    turn = 2.0 * math.pi * draw[..., 1]
    frequency = (torch.tan(math.pi * (draw[..., 2] - 0.5)) / scale_m).clamp(-highest, highest)  # exp(-t) is Cauchy's
    speed = settings.blocker_speed_kmh / 3.6
    wave = torch.stack((number * torch.cos(turn), number * torch.sin(turn), frequency * speed), -1)
    return heading, wave, 2.0 * math.pi * draw[..., 3]


def _at(regions: BlockingRegions, position_m: Tensor, t_s: float) -> tuple[Tensor, Tensor, Tensor]:
    """Computes direction, width and height of every region at a place and time, ``[B, U, Bk]`` in rad."""
    x, y = position_m[:, :, None, None, None, 0], position_m[:, :, None, None, None, 1]
    wave = regions.wave
    angle = wave[..., 0] * x + wave[..., 1] * y + wave[..., 2] * t_s + regions.phase
    share = torch.special.ndtr(math.sqrt(2.0 / _WAVES) * torch.cos(angle).sum(-1))  # uniform, [B, U, Bk, 3]
    (x0, x1), (y0, y1) = _WIDTH_DEG[regions.settings.environment]
    degrees = (360.0 * share[..., 0], x0 + (x1 - x0) * share[..., 1], y0 + (y1 - y0) * share[..., 2])
    azimuth, width, height = (torch.deg2rad(value) for value in degrees)
    return azimuth, width, height


def _own_loss_db(regions: BlockingRegions, azimuth_rad: Tensor, zenith_rad: Tensor) -> Tensor:
    kind = regions.settings.self_blocking
    if kind == "none":
        return torch.zeros_like(azimuth_rad)
    centre, wide, height, tall = (math.radians(value) for value in _SELF_DEG[kind])
    edge_rad = math.radians(regions.settings.edge_deg)
    off = _wrapped(azimuth_rad - regions.heading_rad[..., None] - centre).abs()
    inside = _rise(0.5 * wide - off, edge_rad) * _rise(0.5 * tall - (zenith_rad - height).abs(), edge_rad)
    return SELF_LOSS_DB * inside


def _rise(depth: Tensor, width: float) -> Tensor:
    """Computes a ramp, 0 outside and 1 inside, smooth over the width around the border."""
    if width == 0.0:
        return (depth > 0.0).to(depth.dtype)
    x = (0.5 + depth / width).clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _wrapped(angle: Tensor) -> Tensor:
    """Wraps an angle to -pi to pi."""
    return torch.remainder(angle + math.pi, 2.0 * math.pi) - math.pi
