"""Declares the settings of auctions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class UtilitySettings:
    """Sets the weights of the parts of a utility, U = cost a + quality b + energy c + priority d."""

    cost: float = Field(default=0.3, ge=0, le=1)
    """Weight of max(0, 1 - cost of the demand over the budget)."""
    quality: float = Field(default=0.3, ge=0, le=1)
    """Weight of the mean of reliability and availability, and half of nearness."""
    energy: float = Field(default=0.2, ge=0, le=1)
    """Weight of the energy efficiency of the resource."""
    priority: float = Field(default=0.2, ge=0, le=1)
    """Weight of the priority of the request over 10, called fairness in the publication."""

    def __post_init__(self) -> None:
        if not any(self.weights):
            raise ValueError(
                "utility has weights 0 alone: give one of cost, quality, energy and priority a positive one"
            )

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """Returns the weights in the order of the parts."""
        return self.cost, self.quality, self.energy, self.priority


@dataclass(frozen=True, config=STRICT)
class PriceSettings:
    """Sets how the factor on unit costs follows utilisation: rho <- clip(rho + step (used / capacity - target))."""

    step: float = Field(default=0.1, ge=0, le=10)
    """Change of the factor for a utilisation that is 1 above the target; 0: prices stay."""
    target: float = Field(default=0.75, ge=0, le=1)
    """Utilisation at which prices stay."""
    least: float = Field(default=0.5, gt=0, le=1)
    """Lowest factor."""
    most: float = Field(default=3.0, ge=1, le=1000)
    """Highest factor."""


@dataclass(frozen=True, config=STRICT)
class FloorSettings:
    """Sets what requests demand of a resource."""

    reliability: float = Field(default=0.0, ge=0, le=1)
    """Least reliability."""
    availability: float = Field(default=0.0, ge=0, le=1)
    """Least availability."""
    distance_m: float = Field(default=1e9, gt=0, le=1e9)
    """Greatest distance, which stands for a latency."""


@dataclass(frozen=True, config=STRICT)
class AuctionSettings:
    """Sets where requests come from and by which rules they are auctioned."""

    mode: Literal["as-published", "common-metric"] = "common-metric"
    """`as-published`: the rules and scores of the published run. `common-metric`: one utility from 0 to 1 for all, a
    resource serves as many requests as fit, prices follow utilisation from round to round."""
    claimed_scores: bool = True
    """As published, count the utility by which the publication scored each mechanism; otherwise that of its pairs."""
    source: Literal["synthetic", "google2011"] = "synthetic"
    """Requests drawn at random, or those of Google cluster data 2011."""
    requests: int = Field(default=100, ge=1, le=10_000_000)
    """Requests of a round. With `google2011`, as many rounds as the trace has requests for."""
    resources: int | None = Field(default=None, ge=1, le=1_000_000)
    """Resources; left out, a quarter of the requests of a round, at least 1."""
    files: tuple[str, ...] = ("google2011/part-0000[01]-of-00500.csv.gz",)
    """Trace files of `google2011`, by patterns that are looked for as those of packet traces are."""
    utility: UtilitySettings = Field(default_factory=UtilitySettings)
    """Weights of the utility."""
    price: PriceSettings = Field(default_factory=PriceSettings)
    """How prices follow utilisation; not as published."""
    floors: FloorSettings = Field(default_factory=FloorSettings)
    """What requests demand; not as published."""

    @property
    def resource_count(self) -> int:
        """Returns the number of resources."""
        return self.resources or max(1, self.requests // 4)
