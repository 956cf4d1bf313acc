"""Keeps UAVs at points that are evenly spread over the area."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.uav import UavContext, UavDecision, UavObservation
from phy.settings import PARAMETERS

from .steering import even_grid, fly_towards


@dataclass(config=PARAMETERS)
class StaticGrid:
    """Sends each UAV to the middle of its cell of a grid, where it hovers: the baseline of all trajectories.

    It looks at no user. Powers, association and shares follow the rules of the scenario.
    """

    height_m: float | None = Field(default=None, gt=0)
    """Height of the points, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Computes the points of the grid."""
        low, high = context.height_m
        height = None if self.height_m is None else min(max(self.height_m, low), high)
        self._context, self._target = context, even_grid(context, height)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the points, where they hover."""
        return UavDecision(fly_towards(self._context, observation.position_m, self._target))
