"""Provides the input of mobility models and what several of them share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..random import Drops, uniform
from ..settings import STRICT
from .area import Area
from .trajectory import Legs

MAX_SPEED_KMH = 500.0
MAX_SPEED_MPS = MAX_SPEED_KMH / 3.6
MAX_LEGS = 100_000
"""Most legs of a user; more would not fit into memory."""


@dataclass(frozen=True)
class MobilityContext:
    """Holds the UEs of one drop at the start."""

    drop: Drops  # of one drop
    stream: str  # of random numbers, a prefix
    start_m: Tensor  # [1, U, 3] float64
    area: Area
    duration_s: float

    @property
    def users(self) -> int:
        """Returns the number of UEs U."""
        return self.start_m.shape[1]

    def draw(self, what: str, shape: tuple[int, ...], start: int = 0) -> Tensor:
        """Draws uniform numbers ``[*shape]`` of a stream of this context."""
        return uniform(self.keys(what), shape, start)[0]

    def keys(self, what: str) -> Tensor:
        """Returns the key of a stream of this context, ``[1]``."""
        return self.drop.keys(f"{self.stream}/{what}")


@settings(frozen=True, config=STRICT)
class SpeedRange:
    """Holds a range from which speeds are drawn uniformly."""

    # Descriptions in the fields themselves: those in docstrings are not inherited.
    min_speed_kmh: float = Field(default=3.0, ge=0.0, le=MAX_SPEED_KMH, description="Least speed.")
    max_speed_kmh: float = Field(default=3.0, ge=0.0, le=MAX_SPEED_KMH, description="Greatest speed.")

    @model_validator(mode="after")
    def _check_range(self) -> SpeedRange:
        if self.min_speed_kmh > self.max_speed_kmh:
            raise ValueError(
                f"min_speed_kmh is {self.min_speed_kmh:g}, but max_speed_kmh is {self.max_speed_kmh:g}; "
                "the least speed cannot exceed the greatest"
            )
        return self

    def speed_mps(self, draw: Tensor) -> Tensor:
        """Converts uniform numbers to speeds in m/s."""
        return (self.min_speed_kmh + draw * (self.max_speed_kmh - self.min_speed_kmh)) / 3.6

    def stationary_speed_mps(self, draw: Tensor) -> Tensor:
        """Converts uniform numbers to speeds at a random instant, of UEs that draw a new one for each leg of given
        length.

        Slow legs last longer: the density is in proportion to 1/v.
        """
        return self.min_speed_kmh / 3.6 * (self.max_speed_kmh / self.min_speed_kmh) ** draw

    @property
    def mean_slowness(self) -> float:
        """Computes the mean of 1/v in s/m."""
        low, high = self.min_speed_kmh / 3.6, self.max_speed_kmh / 3.6
        return 1.0 / low if low == high else math.log(high / low) / (high - low)


def require_moving_speed(speeds: SpeedRange, what: str) -> None:
    """Refuses speeds so low that a leg might never end.

    Raises:
        ValueError: the least speed is below 0.1 km/h.
    """
    if speeds.min_speed_kmh < 0.1:
        raise ValueError(
            f"min_speed_kmh is {speeds.min_speed_kmh:g}, but a {what} user needs at least 0.1, or a leg would never "
            "end; raise it, or take the model 'static' for users that stand still"
        )


def consecutive_legs(context: MobilityContext, duration_s: Tensor, step_m: Tensor, velocity_mps: Tensor) -> Legs:
    """Builds legs that follow each other from the start.

    Args:
        context: the UEs.
        duration_s: ``[Lg, U]`` of each leg.
        step_m: ``[Lg, U, 2]`` from each leg's start to its end.
        velocity_mps: ``[Lg, U, 2]``.
    """
    zero = torch.zeros_like
    start_s = torch.cat((zero(duration_s[:1]), duration_s[:-1].cumsum(0)))
    offset = torch.cat((zero(step_m[:1]), step_m[:-1].cumsum(0)))
    return at_start_height(context, start_s, context.start_m[0, :, :2] + offset, velocity_mps)


def at_start_height(context: MobilityContext, start_s: Tensor, origin_m: Tensor, velocity_mps: Tensor) -> Legs:
    """Builds legs at the height of the start from those in the plane, whose leading dimension is the leg."""
    height = context.start_m[0, :, 2:].expand(*origin_m.shape[:2], 1)
    origin = torch.cat((origin_m, height), -1)
    velocity = torch.cat((velocity_mps, torch.zeros_like(height)), -1)
    return Legs(start_s.T[None].contiguous(), origin.transpose(0, 1)[None], velocity.transpose(0, 1)[None])


def too_many_legs(needed: float, what: str) -> ValueError:
    """Builds the error for a run of more legs than fit into memory."""
    return ValueError(
        f"the run would need about {needed:.0f} legs for a user, at most {MAX_LEGS} are kept; shorten the run or {what}"
    )
