"""Declares the settings of the channel between UAVs and ground users."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from ..settings import STRICT

EnvironmentName = Literal["free_space", "suburban", "urban", "dense_urban", "high_rise"]
"""Free space, and the environments of Al-Hourani et al. 2014."""


@dataclass(frozen=True, config=STRICT)
class AirToGroundSettings:
    """Sets path loss and fading between a UAV and a ground user.

    Source: Al-Hourani, Kandeepan, Lardner, "Optimal LAP altitude for maximum coverage", IEEE Wireless Commun. Lett.
    3(6), 2014.
    """

    environment: EnvironmentName = "urban"
    """Parameters of the line of sight and of the excess losses; in free space line of sight is certain."""
    average: Literal["loss", "gain"] = "loss"
    """What is averaged over line of sight: the loss in dB, as published, or the gain. They differ by decibels."""
    form: Literal["corrected", "as_published"] = "corrected"
    """As_published has two errors of a public environment: the elevation in radians, and losses as 10^(eta/20)."""
    k_horizon_db: float = Field(default=5.0, ge=-20, le=40)
    """Rician K-factor at elevation 0."""
    k_zenith_db: float = Field(default=15.0, ge=-20, le=40)
    """Rician K-factor at elevation 90 degrees; in between it is linear in dB."""
    fading: Literal["average", "sampled", "none"] = "average"
    """Rates averaged over fading by a table, means of drawn samples, or without fading."""
    samples: int = Field(default=10, ge=1, le=10_000)
    """Samples of a link in an interval, of the fading ``sampled``."""

    shadowing_los_db: float = Field(default=0.0, ge=0, le=40)
    """Standard deviation of shadowing with line of sight (ours, as is the next); 0 and 0: no shadowing."""
    shadowing_nlos_db: float = Field(default=0.0, ge=0, le=40)
    """Standard deviation of shadowing without line of sight."""
    decorrelation_m: float = Field(default=50.0, ge=5, le=100_000)
    """Distance that a UAV or user moves until the correlation of the shadowing of its links has fallen to 1/e."""

    @property
    def shadowed(self) -> bool:
        """Tells whether links are shadowed."""
        return self.shadowing_los_db > 0 or self.shadowing_nlos_db > 0

    @model_validator(mode="after")
    def _one_error_at_a_time(self) -> AirToGroundSettings:
        if self.form == "as_published" and self.average != "loss":
            raise ValueError("form as_published has an average of its own; leave average out")
        return self
