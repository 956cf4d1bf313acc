"""Moves all UAVs along one circle around the middle of the area."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.settings import PARAMETERS

from .placement.hover_points import hover_height_m
from .placement.matching import match_points


@dataclass(config=PARAMETERS)
class CircularSweep:
    """Moves UAVs on a circle around the middle of the area, evenly spread over it, at a constant speed.

    Each UAV aims at a point that moves along the circle: with the speed of that point, and what closes the gap to it in
    two intervals. It looks at no user. Powers, association and shares follow the rules of the scenario.

    Source: Wu, Zeng, Zhang, "Joint trajectory and communication design for multi-UAV enabled wireless networks", IEEE
    Trans. Wireless Commun. 17(3), 2018, starts from circular trajectories. Ours: one circle for all, which by default
    halves the largest disc in the area: its radius is that of the disc over sqrt(2).
    """

    radius_m: float | None = Field(default=None, gt=0)
    """Radius of the circle; null: half of the shorter side of the area over sqrt(2)."""
    speed_share: float = Field(default=0.5, gt=0, le=0.9)
    """Speed over the greatest horizontal speed; the rest is for catching up."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Computes the circle."""
        self._context = context
        self._radius_m = self.radius_m or 0.5 * min(context.area_m) / math.sqrt(2.0)
        self._height_m = hover_height_m(context, self.height_m)
        self._phase: Tensor | None = None

    def decide(self, observation: UavObservation) -> UavDecision:
        """Decides velocities after the points on the circle, which are dealt out at the first decision."""
        context, place = self._context, observation.position_m.to(torch.float64)
        if self._phase is None:
            self._phase = self._phases(place)
        speed = self.speed_share * context.speed_mps
        angle = self._phase + observation.interval * context.interval_s * speed / self._radius_m
        gap = (self._points(angle) - place) / (2.0 * context.interval_s)
        along = speed * torch.stack((-torch.sin(angle), torch.cos(angle)), -1)
        plane = gap[..., :2] + along
        level = plane.square().sum(-1, keepdim=True).sqrt()
        plane = plane * (context.speed_mps / level.clamp(min=context.speed_mps))
        climb = gap[..., 2:].clamp(-context.climb_mps, context.climb_mps)
        return UavDecision(torch.cat((plane, climb), -1).to(context.dtype))

    def _phases(self, position_m: Tensor) -> Tensor:
        """Gives each UAV one of evenly spread angles, so that the sum of the ways there is least, ``[B, V]``."""
        number = torch.arange(self._context.uavs, dtype=torch.float64, device=position_m.device)
        even = self._points(2.0 * math.pi * number / self._context.uavs).expand_as(position_m)
        all_uavs = torch.ones_like(even[..., 0], dtype=torch.bool)
        x, y = match_points(position_m, even[..., :2], all_uavs, all_uavs).unbind(-1)
        return torch.atan2(y - 0.5 * self._context.area_m[1], x - 0.5 * self._context.area_m[0])

    def _points(self, angle: Tensor) -> Tensor:
        """Computes the points on the circle at angles, ``[..., 3]``."""
        x_m, y_m = self._context.area_m
        cos, sin = torch.cos(angle), torch.sin(angle)
        place = (0.5 * x_m + self._radius_m * cos, 0.5 * y_m + self._radius_m * sin)
        return torch.stack((*place, torch.full_like(cos, self._height_m)), -1)
