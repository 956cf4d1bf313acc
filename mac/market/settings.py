"""Declares the settings of random markets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .types import Utility


@dataclass(frozen=True, config=STRICT)
class MarketSettings:
    """Sets the size and the spread of random markets."""

    ues: int = Field(default=20, ge=1, le=10_000_000)
    """UEs of a market."""
    base_stations: int = Field(default=5, ge=1, le=1_000_000)
    """Base stations of a market."""
    links: int = Field(default=3, ge=1, le=1000)
    """Base stations from which a UE can buy: its own, drawn at random, and the next ones around a ring."""
    spread: float = Field(default=0.5, ge=0, le=5)
    """Standard deviation of the natural logarithm of a link's mean weight."""
    fading: Literal["none", "rayleigh"] = "rayleigh"
    """Weights of an interval: the mean, or the mean times an exponential number (power of a Rayleigh channel)."""
    budget_spread: float = Field(default=0.0, ge=0, lt=1)
    """Budgets are drawn uniformly within this share of 1, up or down; 0: equal budgets."""
    supply: float = Field(default=1.0, gt=0, le=1e9)
    """Units that each base station sells in an interval."""
    reserve: float = Field(default=0.0, ge=0, le=1e9)
    """Least price of a unit; in a trading post the seller's own bid."""
    utility: Literal["linear", "log", "ces", "quasilinear"] = "linear"
    """Sum a x; sum a log x; (sum a x^rho)^(1/rho); sum a x and the money kept."""
    rho: float = Field(default=0.5, ge=-100, lt=1)
    """Exponent of `ces`, not 0."""

    def __post_init__(self) -> None:
        if self.links > self.base_stations:
            raise ValueError(
                f"links is {self.links} and base_stations {self.base_stations}: a UE cannot have more links than there "
                "are base stations"
            )
        if self.utility == "ces" and self.rho == 0.0:
            raise ValueError("rho of utility ces must not be 0; use utility log instead")

    @property
    def kind(self) -> Utility:
        """Returns the utility."""
        return Utility(self.utility, self.rho if self.utility == "ces" else 1.0)
