"""Moves UAVs in random directions."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS


@dataclass(config=PARAMETERS)
class RandomWalk:
    """Draws a new direction for each UAV every few seconds; UAVs fly level at a constant share of the greatest speed.

    Powers, association and shares follow the rules of the scenario.
    """

    turn_s: float = Field(default=10.0, gt=0, le=1e6)
    """Time between two draws of the direction."""
    speed_share: float = Field(default=0.5, ge=0, le=1)
    """Speed over the greatest horizontal speed."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops."""
        self._context = context
        self._keys = context.drops.keys(f"allocator/random_walk/{seed}").to(context.device)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Returns the velocities of this stretch of time."""
        context = self._context
        stretch = int(observation.interval * context.interval_s / self.turn_s)
        draw = uniform(self._keys, (context.uavs,), start=stretch * context.uavs)
        angle = (2.0 * math.pi * draw).to(context.dtype)
        speed = self.speed_share * context.speed_mps
        level = torch.zeros_like(angle)
        return UavDecision(torch.stack((speed * torch.cos(angle), speed * torch.sin(angle), level), -1))
