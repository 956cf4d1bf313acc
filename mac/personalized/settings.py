"""Declares the settings of personalised allocation: zones of tolerance, traits, clock, target, predictor."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from ..carrier import slots_of_interval
from .zone import Shape, require_target

Rate = Annotated[float, Field(gt=0, le=1e12)]


@dataclass(frozen=True, config=STRICT)
class ZoneSettings:
    """Sets the zone of tolerance that the UEs of a group have in the middle, and how much it differs between them.

    Both ends of the zone of a UE are those of the group times exp(spread * t + residual * n): t from -1 to 1 follows
    from what the network observes of the UE (`personalized.trait_weights`), n is standard normal, constant for a UE,
    and unknown to the network. Ours.
    """

    adequate_bps: Rate
    """Rate up to which the UE is not satisfied at all."""
    desired_bps: Rate
    """Rate from which it is satisfied in full (linear), or to 0.9 (logistic)."""
    spread: float = Field(default=0.7, ge=0, le=3)
    """Logarithm of the factor between a UE of the greatest and one of the middle need, as far as traits tell."""
    residual: float = Field(default=0.1, ge=0, le=3)
    """Standard deviation of the logarithm of what traits do not tell."""

    @model_validator(mode="after")
    def _ordered(self) -> ZoneSettings:
        if self.desired_bps <= self.adequate_bps:
            raise ValueError(
                f"adequate_bps is {self.adequate_bps:g} and desired_bps {self.desired_bps:g}; the desired rate must "
                "be above the adequate rate"
            )
        return self


@dataclass(frozen=True, config=STRICT)
class PersonalizedSettings:
    """Sets the clock, the shape of satisfaction, the target, and what the network learns of the UEs."""

    interval_s: float = Field(default=0.2, gt=0, le=60)
    """Time between decisions, over which the rate of a UE is judged."""
    shape: Shape = "linear"
    """Satisfaction between the ends of the zone: `linear`, or `logistic` through (adequate, 0.1), (desired, 0.9)."""
    target: float = Field(default=0.8, ge=0, le=1)
    """Satisfaction that every UE should reach."""
    trait_weights: tuple[float, ...] = Field(default=(1.0, -0.6, 0.4), min_length=1, max_length=16)
    """Weights of the traits in t, of which the absolute values are scaled to a sum of 1. Traits are numbers from 0 to 1
    that the network observes; the first is constant for a UE, the others are new in each interval."""
    correct_rates: bool = True
    """Whether the rate of a PRB that allocators are told follows what PRBs carried: the rate of the last report times
    the ratio of served to reported rate, averaged over past intervals. Blocks that fail and PRBs of unlike quality in
    one block make it less than 1."""
    predictor: str = "declared"
    """Zones that allocators are told: `declared`, those of the group's middle; `true`, those of each UE; or predicted
    from traits by a file that `fairwave personalized fit` wrote, or by `personalized-cell`, trained for that preset."""

    @model_validator(mode="after")
    def _possible(self) -> PersonalizedSettings:
        require_target(self.target, self.shape)
        if not any(self.trait_weights):
            raise ValueError("trait_weights are all 0; give at least one that is not, or set the zones' spread to 0")
        return self

    def slots(self, slot_s: float) -> int:
        """Returns the number of slots of ``slot_s`` seconds in an interval.

        Raises:
            ValueError: it is no whole number.
        """
        return slots_of_interval(self.interval_s, slot_s, "personalized.interval_s")
