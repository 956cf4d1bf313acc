"""Computes random waypoint mobility: a straight leg to a random point at a random speed, a pause, the next leg.

The next place is uniform in the periodic plane around the UE (:mod:`phy.mobility.area`), within reach. So legs are
independent of where the UE is, positions that start uniform stay uniform (Le Boudec and Vojnovic, "Perfect simulation
and stationarity of a class of mobility models", INFOCOM 2005: random waypoint on a torus), and there is nothing to
step through.

UEs start in the steady state: at the instant 0 they are somewhere on a leg or in a pause. Of the legs seen at a
random instant the long and the slow ones are more frequent, with a density in proportion to length / speed.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT
from .base import MAX_LEGS, MobilityContext, SpeedRange, consecutive_legs, require_moving_speed, too_many_legs
from .trajectory import Legs, trim

_ANGLES = 4096
_FIRST_LEGS = 4


@dataclass(frozen=True, config=STRICT)
class RandomWaypoint(SpeedRange):
    """Moves UEs by random waypoint with pauses, in its steady state from the start.

    Source: Le Boudec, Vojnovic, "Perfect simulation and stationarity of a class of mobility models", INFOCOM 2005.
    """

    model: Literal["waypoint"] = "waypoint"
    """Name of the mobility model."""
    min_pause_s: float = Field(default=0.0, ge=0.0, le=86400.0)
    """Least pause after each leg."""
    max_pause_s: float = Field(default=0.0, ge=0.0, le=86400.0)
    """Greatest pause after each leg; pauses are uniform in between."""
    reach_m: float | None = Field(default=None, ge=1.0)
    """Greatest distance of the next place; without one it may be anywhere in the area."""
    start: Literal["steady", "fresh"] = "steady"
    """Somewhere on a leg or in a pause, as at any later time, or at the beginning of a leg."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_moving_speed(self, "waypoint")
        if self.min_pause_s > self.max_pause_s:
            raise ValueError(
                f"min_pause_s is {self.min_pause_s:g}, but max_pause_s is {self.max_pause_s:g}; "
                "the least pause cannot exceed the greatest"
            )
        return self

    def legs(self, context: MobilityContext) -> Legs:
        """Draws movements and pauses in turn, as many as the duration needs."""
        reach = WaypointVectors(context.area.period_m, self.reach_m)
        first = self._first(context, reach)
        count = _FIRST_LEGS
        while True:
            move, speed, pause = (
                torch.cat(pair) for pair in zip(first, self._next(context, reach, count), strict=True)
            )
            took = torch.hypot(move[..., 0], move[..., 1]) / speed
            shortest_s = float((took + pause).sum(0).min())
            if shortest_s > context.duration_s:
                return self._in_turn(context, move, took, pause)
            count *= 2
            if count > MAX_LEGS:
                raise too_many_legs(count * context.duration_s / max(shortest_s, 1e-9), "raise reach_m or the pauses")

    def _in_turn(self, context: MobilityContext, move: Tensor, took: Tensor, pause: Tensor) -> Legs:
        """Joins movements ``[Lg, U, 2]`` of duration ``[Lg, U]`` and pauses ``[Lg, U]``, one after the other."""
        velocity = torch.where(took[..., None] > 0.0, move / took[..., None], torch.zeros_like(move))
        rest = torch.zeros_like(move)
        legs = consecutive_legs(
            context,
            torch.stack((took, pause), 1).flatten(0, 1),
            torch.stack((move, rest), 1).flatten(0, 1),
            torch.stack((velocity, rest), 1).flatten(0, 1),
        )
        return trim(legs, context.duration_s)

    def _next(self, context: MobilityContext, reach: WaypointVectors, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draws movements ``[count, U, 2]``, speeds and pauses ``[count, U]``."""
        draw = context.draw("waypoint", (count, context.users, 4))  # leg by leg: a longer run only appends
        pause = self.min_pause_s + draw[..., 3] * (self.max_pause_s - self.min_pause_s)
        return reach.vectors(draw[..., 0], draw[..., 1]), self.speed_mps(draw[..., 2]), pause

    def _first(self, context: MobilityContext, reach: WaypointVectors) -> tuple[Tensor, Tensor, Tensor]:
        """Draws the rest of the leg or pause in which the start falls, as :meth:`_next` with ``count = 1``."""
        draw = context.draw("waypoint/start", (context.users, 6))
        if self.start == "fresh":
            nothing = torch.zeros(1, context.users, dtype=torch.float64)
            return torch.zeros(1, context.users, 2, dtype=torch.float64), nothing + 1.0, nothing
        left = draw[:, 3]
        move = left[:, None] * reach.vectors(draw[:, 0], draw[:, 1], seen_on_the_way=True)
        speed = self.stationary_speed_mps(draw[:, 2])
        low, high = self.min_pause_s, self.max_pause_s
        pause = low + draw[:, 4] * (high - low)
        pausing_s, moving_s = 0.5 * (low + high), reach.mean_m * self.mean_slowness
        pauses = draw[:, 5] * (pausing_s + moving_s) < pausing_s
        pause_now = left * torch.sqrt(low**2 + draw[:, 4] * (high**2 - low**2))  # long pauses are seen more often
        move = torch.where(pauses[:, None], 0.0, move)
        return move[None], speed[None], torch.where(pauses, pause_now, pause)[None]


class WaypointVectors:
    """Draws uniform vectors to the points of a periodic plane, each by its nearest image, and within a reach.

    In polar coordinates: ``R(angle)`` is the border of the cell of all points nearer to 0 than to any of its images.
    The area within an angle grows like ``R^2 / 2``; weighted by the vectors' length, it grows like ``R^3 / 3``.
    """

    def __init__(self, period_m: Tensor, reach_m: float | None) -> None:
        steps = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if (i, j) != (0, 0)]
        image = torch.tensor(steps, dtype=torch.float64) @ period_m
        self.angle = torch.linspace(0.0, 2.0 * math.pi, _ANGLES + 1, dtype=torch.float64)
        along = torch.stack((self.angle.cos(), self.angle.sin()), -1) @ image.T  # [angles + 1, images]
        half = 0.5 * image.square().sum(-1)
        border = torch.where(along > 1e-9, half / along.clamp(min=1e-9), torch.inf).amin(-1)
        self.border_m = border if reach_m is None else border.clamp(max=reach_m)
        self.mean_m = float(2.0 / 3.0 * self.border_m.pow(3).mean() / self.border_m.square().mean())

    def vectors(self, turn: Tensor, length: Tensor, seen_on_the_way: bool = False) -> Tensor:
        """Computes vectors ``[..., 2]`` from two uniform numbers ``[...]`` each.

        Args:
            turn: sets the angle.
            length: sets the length.
            seen_on_the_way: weighted by their length, as those of legs are on which UEs are met.
        """
        power = 3 if seen_on_the_way else 2
        weight = self.border_m.pow(power)
        grown = torch.cat((weight.new_zeros(1), (0.5 * (weight[1:] + weight[:-1])).cumsum(0)))
        target = turn * grown[-1]
        below = (torch.searchsorted(grown, target, right=True) - 1).clamp(0, _ANGLES - 1)
        part = (target - grown[below]) / (grown[below + 1] - grown[below])
        angle = self.angle[below] + part * (2.0 * math.pi / _ANGLES)
        border = self.border_m[below] + part * (self.border_m[below + 1] - self.border_m[below])
        radius = border * length.pow(1.0 / power)
        return radius[..., None] * torch.stack((angle.cos(), angle.sin()), -1)
