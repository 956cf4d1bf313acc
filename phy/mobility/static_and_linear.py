"""Moves UEs at constant velocity, or not at all."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from ..settings import STRICT
from .base import MobilityContext, SpeedRange, at_start_height
from .trajectory import Legs


@dataclass(frozen=True, config=STRICT)
class Static:
    """Keeps UEs where they are; their speed only sets the Doppler shifts."""

    model: Literal["static"] = "static"
    """Name of the mobility model."""

    def legs(self, context: MobilityContext) -> Legs:
        """Builds one leg of no velocity."""
        origin = context.start_m[:, :, :2]
        return at_start_height(
            context, torch.zeros((1, context.users), dtype=torch.float64), origin, torch.zeros_like(origin)
        )


@dataclass(frozen=True, config=STRICT)
class Linear(SpeedRange):
    """Keeps the velocity of each UE; a uniform distribution in the area stays uniform."""

    model: Literal["linear"] = "linear"
    """Name of the mobility model."""
    heading_deg: float | None = Field(default=None, ge=-360.0, le=360.0)
    """Heading of all users, anticlockwise from the x axis; each has a random one where it is not given."""

    def legs(self, context: MobilityContext) -> Legs:
        """Draws one leg."""
        draw = context.draw("linear", (context.users, 2))
        speed = self.speed_mps(draw[:, 0])
        if self.heading_deg is None:
            angle = 2.0 * math.pi * draw[:, 1]
        else:
            angle = torch.full_like(speed, math.radians(self.heading_deg))
        velocity = speed[:, None] * torch.stack((angle.cos(), angle.sin()), -1)
        start_s = torch.zeros((1, context.users), dtype=torch.float64)
        return at_start_height(context, start_s, context.start_m[:, :, :2], velocity[None])
