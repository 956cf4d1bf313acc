"""Computes Gauss-Markov mobility: a velocity with memory (Liang and Haas, 1999).

    v[n+1] = alpha v[n] + (1 - alpha) mean + sqrt(1 - alpha^2) deviation w[n],  w standard normal

in both coordinates, from the stationary law on, so that the autocorrelation of ``v - mean`` is ``alpha^n`` at once. The
velocity is constant over a step, and the position linear.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..random import normal
from ..settings import STRICT
from .base import MAX_LEGS, MAX_SPEED_KMH, MAX_SPEED_MPS, MobilityContext, consecutive_legs, too_many_legs
from .trajectory import Legs


@dataclass(frozen=True, config=STRICT)
class GaussMarkov:
    """Draws velocities with memory: smooth turns and changes of speed."""

    model: Literal["gauss_markov"] = "gauss_markov"
    """Name of the mobility model."""
    speed_kmh: float = Field(default=3.0, ge=0.0, le=MAX_SPEED_KMH)
    """Speed of each user's mean velocity, whose heading is random."""
    deviation_kmh: float = Field(default=1.0, ge=0.0, le=100.0)
    """Standard deviation of the velocity in each coordinate; speeds above 500 km/h are cut to that."""
    alpha: float = Field(default=0.85, ge=0.0, le=1.0)
    """Memory: correlation of the velocity with that of the step before."""
    step_s: float = Field(default=1.0, ge=0.01, le=3600.0)
    """Time after which the velocity changes."""

    def legs(self, context: MobilityContext) -> Legs:
        """Draws a leg for each step."""
        count = 1 + math.ceil(context.duration_s / self.step_s)
        if count > MAX_LEGS:
            raise too_many_legs(count, "raise step_s")
        velocity = self._velocities(context, count)
        speed = torch.hypot(velocity[..., 0], velocity[..., 1])
        velocity = velocity * (MAX_SPEED_MPS / speed.clamp(min=MAX_SPEED_MPS))[..., None]
        took = torch.full((count, context.users), self.step_s, dtype=torch.float64)
        return consecutive_legs(context, took, velocity * self.step_s, velocity)

    def _velocities(self, context: MobilityContext, count: int) -> Tensor:
        """Draws the velocity of each step, ``[count, U, 2]``."""
        angle = 2.0 * math.pi * context.draw("gauss_markov/heading", (context.users,))
        mean = self.speed_kmh / 3.6 * torch.stack((angle.cos(), angle.sin()), -1)
        shock = self.deviation_kmh / 3.6 * normal(context.keys("gauss_markov"), (count, context.users, 2))[0]
        fresh = math.sqrt(1.0 - self.alpha**2)
        deviation = [shock[0]]
        for step in range(1, count):
            deviation.append(self.alpha * deviation[-1] + fresh * shock[step])
        return mean + torch.stack(deviation)
