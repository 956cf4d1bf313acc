"""Keeps the points where UAVs hover, and flies UAVs to them.

B drops, V UAVs, U users.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mac.uav import UavContext, UavObservation

from ..steering import even_grid, fly_towards
from .known_users import KnownUsers
from .matching import match_points


@dataclass(frozen=True)
class Fleet:
    """Holds what a plan of points starts from."""

    user_m: Tensor  # [B, U, 2] float64, last reported positions
    weight: Tensor  # [B, U] float64, 1 where a position is known, else 0
    count: Tensor  # [B, 1] int64, points wanted: UAVs in service
    before_m: Tensor  # [B, V, 2] float64, points of the plan before; those of the even grid at first


@dataclass(frozen=True)
class Points:
    """Holds one point for each UAV."""

    place_m: Tensor  # [B, V, 2] float64
    filled: Tensor  # [B, V] bool, a point that users gather at; the others are spare


class HoverPoints:
    """Makes points anew every so often, and gives each UAV one.

    Spare points, and all points of drops in which no user is known, are those of the even grid (ours).

    Args:
        context: of the run.
        plan: computes the points from known users.
        every_s: time between two plans.
        height_m: of the points; the middle of the allowed heights if not given.
    """

    def __init__(
        self, context: UavContext, plan: Callable[[Fleet], Points], every_s: float, height_m: float | None
    ) -> None:
        self._context, self._plan = context, plan
        self._every = max(1, round(every_s / context.interval_s))
        self.users = KnownUsers(context)
        drops = len(context.drops)
        self._grid_m = even_grid(context)[:, :2].to(torch.float64).expand(drops, -1, -1)
        self._before_m = self._grid_m
        self._height_m = hover_height_m(context, height_m)
        self.target_m = at_height(context, self._grid_m, self._height_m)
        """Point of each UAV, ``[B, V, 3]``."""

    def fly(self, observation: UavObservation) -> Tensor:
        """Computes the velocities towards the points, ``[B, V, 3]``; makes the points first where it is time."""
        self.users.update(observation)
        if observation.interval % self._every == 0:
            self._renew(observation)
        return fly_towards(self._context, observation.position_m, self.target_m)

    def _renew(self, observation: UavObservation) -> None:
        count = observation.active.sum(1, keepdim=True)
        points = self._plan(Fleet(self.users.place_m, self.users.weight, count, self._before_m))
        filled = points.filled & (self.users.weight.sum(1, keepdim=True) > 0)
        place = torch.where(filled[..., None], points.place_m, self._grid_m)
        self._before_m = place
        mine = match_points(observation.position_m, place, observation.active, filled)
        self.target_m = at_height(self._context, mine, self._height_m)


def hover_height_m(context: UavContext, height_m: float | None) -> float:
    """Computes a height of flight: the one given, brought within the allowed heights, or the middle of these."""
    low, high = context.height_m
    return 0.5 * (low + high) if height_m is None else min(max(height_m, low), high)


def at_height(context: UavContext, point_m: Tensor, height_m: float) -> Tensor:
    """Computes points in space from points on the ground, ``[..., 3]`` in the run's dtype."""
    level = point_m.to(context.dtype)
    return torch.cat((level, torch.full_like(level[..., :1], height_m)), -1)
