"""Computes the loss by blockage model B of TR 38.901 (clause 7.6.4.2): people and cars as upright screens that move.

Seen from above and from the side, the direct path passes a screen's edges or is covered by it. Each edge contributes
by its detour ``D1 + D2 - r``; the loss is ``-20 log10(1 - (F_h1 + F_h2)(F_w1 + F_w2))``, and several screens add up in
dB. A screen stands across the path, whichever way it comes. Ours: within 1 m of either end the loss fades out, so that
the loss of a screen that passes behind a UE does not end abruptly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..mobility import Area, EndlessPlane, Linear, MobilitySettings, Trajectory, trajectories
from ..random import Drops, uniform
from ..settings import STRICT
from ..units import SPEED_OF_LIGHT_MPS
from .knife_edge import edge_contribution, screen_loss_db

_FADE_M = 1.0
_IMAGES = [(i, j) for i in (0, -1, 1) for j in (0, -1, 1)]


@settings(frozen=True, config=STRICT)
class ModelBSettings:
    """Holds the settings of blockage model B: moving screens (humans 0.3 x 1.7 m, vehicles 4.8 x 1.4 m: TR 38.901 Table
    7.6.4.2-5).
    """

    count: int = Field(ge=1, le=2000)
    """Screens in the whole area; the work grows with UEs times sites times screens."""
    model: Literal["screens"] = "screens"
    """Name of the model of blockage."""
    width_m: float = Field(default=0.3, ge=0.05, le=50.0)
    """Width of a screen."""
    height_m: float = Field(default=1.7, ge=0.1, le=100.0)
    """Height of a screen above ground."""
    mobility: MobilitySettings = field(default_factory=Linear)
    """How the screens move."""


@dataclass(frozen=True)
class BlockingScreens:
    """Holds the trajectories and the size of the screens."""

    trajectory: Trajectory  # of [B, Sc] screens
    width_m: float
    height_m: float

    def to(self, device: torch.device) -> BlockingScreens:
        """Moves the screens to another device."""
        return BlockingScreens(self.trajectory.to(device), self.width_m, self.height_m)


def draw_blocking_screens(
    drops: Drops, settings: ModelBSettings, area: Area, duration_s: float, stream: str = "blockage"
) -> BlockingScreens:
    """Draws screens uniformly in the area, and their movement (streams below ``<stream>/screens``)."""
    plane = uniform(drops.keys(f"{stream}/screens"), (settings.count, 2))
    period = area.period_m
    spot = plane[..., :1] * period[0] + plane[..., 1:] * period[1]
    start = torch.cat((spot, torch.zeros_like(spot[..., :1])), -1)
    path = trajectories(drops, settings.mobility, start, area, duration_s, f"{stream}/screens")
    return BlockingScreens(path, settings.width_m, settings.height_m)


def model_b_loss_db(
    screens: BlockingScreens, position_m: Tensor, towards_m: Tensor, t_s: float, carrier_hz: float
) -> Tensor:
    """Computes the loss of the direct path of each link in dB, ``[B, U, Si]``.

    Args:
        screens: of the network.
        position_m: of the UEs, wrapped or not, ``[B, U, 3]``.
        towards_m: from each UE to the antennas of each site, ``[B, U, Si, 3]``: minus
            :func:`phy.topology.sites.displacement`.
        t_s: time in s.
        carrier_hz: carrier frequency.
    """
    time = torch.tensor([t_s], dtype=torch.float64, device=position_m.device)
    at = screens.trajectory.position_m(time)[:, :, 0, :2]
    offset = _nearest(screens.trajectory.area, at[:, None] - position_m[:, :, None, :2])  # [B, U, Sc, 2]
    height = position_m[:, :, None, 2:]
    loss = path_loss_db(offset, height, towards_m, (screens.width_m, screens.height_m), SPEED_OF_LIGHT_MPS / carrier_hz)
    return loss.sum(-1)


def path_loss_db(
    offset_m: Tensor, height_m: Tensor, towards_m: Tensor, size_m: tuple[float, float], wavelength_m: float
) -> Tensor:
    """Computes the loss of each path by each screen in dB, ``[B, U, Si, Sc]``.

    Args:
        offset_m: from the UE to the middle of each screen, horizontally, ``[B, U, Sc, 2]``.
        height_m: of the UE, ``[B, U, 1, 1]``.
        towards_m: from the UE to the other end of each path, ``[B, U, Si, 3]``.
        size_m: width and height of the screens.
        wavelength_m: lambda.
    """
    reach = torch.hypot(towards_m[..., 0], towards_m[..., 1])[..., None].clamp(min=1e-9)  # [B, U, Si, 1]
    climb = towards_m[..., 2:]
    unit = towards_m[..., None, :2] / reach[..., None]
    along = (offset_m[:, :, None] * unit).sum(-1)  # [B, U, Si, Sc]
    across = unit[..., 0] * offset_m[:, :, None, :, 1] - unit[..., 1] * offset_m[:, :, None, :, 0]

    def above(side: Tensor) -> Tensor:
        """Computes the contribution of an edge seen from above, that many metres beside the path."""
        detour = torch.hypot(along, side) + torch.hypot(reach - along, side) - reach
        return edge_contribution(side, detour, wavelength_m)

    def beside(level: Tensor) -> Tensor:
        """Computes the contribution of an edge seen from the side, that many metres above the UE."""
        detour = torch.hypot(along, level) + torch.hypot(reach - along, climb - level) - torch.hypot(reach, climb)
        return edge_contribution(level - climb * along / reach, detour, wavelength_m)

    width, height = size_m
    wide = above(across + 0.5 * width) - above(across - 0.5 * width)
    tall = beside(height - height_m) - beside(-height_m)
    between = (along / _FADE_M).clamp(0.0, 1.0) * ((reach - along) / _FADE_M).clamp(0.0, 1.0)
    return between * screen_loss_db(wide, tall)


def _nearest(area: Area, offset_m: Tensor) -> Tensor:
    """Returns the vectors to the nearest images, where the plane repeats."""
    if not isinstance(area, EndlessPlane):
        return offset_m
    period = area.period_m.to(offset_m)
    near = offset_m - torch.round(offset_m @ torch.linalg.inv(period)) @ period
    image = near[..., None, :] - near.new_tensor(_IMAGES) @ period
    best = image.square().sum(-1).argmin(-1)
    return torch.take_along_dim(image, best[..., None, None], -2).squeeze(-2)
