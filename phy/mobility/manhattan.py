"""Computes mobility on a grid of streets: straight on, left or right at each crossing (UMTS 30.03, B.1.4.1.2.2)."""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT
from .area import Area, Rectangle
from .base import MAX_LEGS, MobilityContext, SpeedRange, at_start_height, require_moving_speed, too_many_legs
from .trajectory import Legs, trim


@dataclass(frozen=True, config=STRICT)
class Manhattan(SpeedRange):
    """Moves UEs on a grid of streets; each starts on the street nearest to its position, in the steady state.

    A rectangle's sides cross streets in mid-block, where UEs turn round; the blocks are stretched so that a whole
    number of them fits. Without a rectangle the grid is endless and does not repeat with the cluster.
    """

    model: Literal["manhattan"] = "manhattan"
    """Name of the mobility model."""
    block_x_m: float = Field(default=200.0, ge=10.0, le=10_000.0)
    """Distance of the streets that run along y."""
    block_y_m: float = Field(default=200.0, ge=10.0, le=10_000.0)
    """Distance of the streets that run along x."""
    street_x_m: float = Field(default=0.0, ge=-1e6, le=1e6)
    """Position of one of the streets along y; not used in a rectangle."""
    street_y_m: float = Field(default=0.0, ge=-1e6, le=1e6)
    """Position of one of the streets along x; not used in a rectangle."""
    turn_probability: float = Field(default=0.5, ge=0.0, le=1.0)
    """Probability of a turn at a crossing, to the left or to the right alike."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_moving_speed(self, "manhattan")
        return self

    def legs(self, context: MobilityContext) -> Legs:
        """Draws a leg for each block; the speed is drawn anew for each."""
        street, block = self.streets(context.area)
        speed_mps = max(self.max_speed_kmh / 3.6, 1e-9)
        count = 2 + math.ceil(context.duration_s * speed_mps / float(block.min()))
        if count > MAX_LEGS:
            raise too_many_legs(count, "enlarge the blocks")
        crossing, way = self._route(context, street, block, count)
        corner = street + crossing * block  # [Lg, U, 2]
        origin = torch.cat((self._snap(context, street, block, way[0])[None], corner[:-1]))
        length = (corner - origin).abs().sum(-1)
        speed = torch.cat(
            (
                self.stationary_speed_mps(context.draw("manhattan/start", (context.users, 3))[:, 2])[None],
                self.speed_mps(context.draw("manhattan/speed", (count - 1, context.users))),
            )
        )
        took = length / speed
        start_s = torch.cat((torch.zeros_like(took[:1]), took[:-1].cumsum(0)))
        return trim(at_start_height(context, start_s, origin, speed[..., None] * way), context.duration_s)

    def streets(self, area: Area) -> tuple[Tensor, Tensor]:
        """Computes a crossing ``[2]``, and the distances ``[2]`` to the next ones along x and y."""
        block = torch.tensor([self.block_x_m, self.block_y_m], dtype=torch.float64)
        if not isinstance(area, Rectangle):
            return torch.tensor([self.street_x_m, self.street_y_m], dtype=torch.float64), block
        block = area.size_m / (area.size_m / block).round().clamp(min=1.0)
        return area.corner_m + 0.5 * block, block

    def _along_x(self, context: MobilityContext, block: Tensor) -> Tensor:
        """Draws which UEs start on a street along x, bool ``[U]``: as many as are there at a random time."""
        share = block[0] / block.sum() if self.turn_probability > 0.0 else 0.5
        return context.draw("manhattan/start", (context.users, 3))[:, 0] < share

    def _snap(self, context: MobilityContext, street: Tensor, block: Tensor, way: Tensor) -> Tensor:
        """Moves starting points to the nearest street of the way's direction, ``[U, 2]``."""
        start = context.start_m[0, :, :2]
        return torch.where(way != 0.0, start, street + ((start - street) / block).round() * block)

    def _route(self, context: MobilityContext, street: Tensor, block: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Draws the crossing at the end of each leg in blocks and the unit vector along it, both ``[Lg, U, 2]``."""
        forward = context.draw("manhattan/start", (context.users, 3))[:, 1] < 0.5
        first = torch.where(self._along_x(context, block), 0, 1) + torch.where(forward, 0, 2)
        draw = context.draw("manhattan/turn", (count - 1, context.users))
        half = 0.5 * self.turn_probability
        turn = torch.where(draw < half, 1, torch.where(draw < 2.0 * half, 3, 0))
        heading = torch.cat((first[None], first + turn.cumsum(0))) % 4  # east, north, west, south
        compass = torch.tensor([[1, 0], [0, 1], [-1, 0], [0, -1]])
        way = compass[heading]
        at = (self._snap(context, street, block, way[0]) - street) / block
        ahead = torch.where(way[0] > 0, at.floor() + 1.0, torch.where(way[0] < 0, at.ceil() - 1.0, at.round()))
        crossing = ahead.long() + torch.cat((torch.zeros_like(way[:1]), way[1:].cumsum(0)))
        return crossing.to(torch.float64), way.to(torch.float64)
