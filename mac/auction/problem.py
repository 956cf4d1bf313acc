"""Runs rounds of auctions: requests come, the allocator matches and charges, prices follow utilisation.

B drops, U requests of a round, Rs resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from ..core.contracts import ArraySpec, Outcome
from .feasible import require_auction_decision
from .scoring import chosen_utility, count_allowed
from .settings import AuctionSettings
from .sources import Requests, Resources, drawn_requests, drawn_resources, published
from .types import AuctionContext, AuctionDecision, AuctionObservation

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "score": ArraySpec(("user",), "1", "sum", "utility of a served request; as published, what its mechanism claims"),
    "served": ArraySpec(("user",), "1", "sum", "whether a request was served"),
    "revenue": ArraySpec((), "money", "sum", "money paid; as published, price times demand"),
    "feasible_bids": ArraySpec((), "1", "sum", "pairs of request and resource that are allowed"),
    "requests": ArraySpec((), "1", "sum", "requests"),
    "utilisation": ArraySpec((), "1", "sum", "demand served over capacity, summed over rounds"),
    "rounds": ArraySpec((), "1", "sum", "rounds"),
    "price_factor": ArraySpec((), "1", "last", "mean factor on unit costs after the round"),
}


@dataclass(frozen=True)
class AuctionParts:
    """Holds the settings of a batch of auctions."""

    drops: Drops
    settings: AuctionSettings
    demands: Tensor | None  # [n] of a trace
    round_s: float
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class AuctionState:
    """Holds a round and its price factors."""

    round: int
    price_factor: Tensor  # [B, Rs]


class AuctionProblem:
    """Runs a batch of auctions, with one decision a round."""

    def __init__(self, parts: AuctionParts) -> None:
        settings = parts.settings
        self.parts, self.drops = parts, parts.drops
        self._as_published = settings.mode == "as-published"
        self._published_requests: Requests | None = None
        self._resources, requests = self._supply(settings)
        self.context = AuctionContext(
            drops=parts.drops,
            requests=requests,
            resources=self._resources.capacity.shape[1],
            as_published=self._as_published,
            weights=settings.utility.weights,
            device=parts.device,
        )

    @property
    def interval_s(self) -> float:
        """Returns the time between two rounds in s."""
        return self.parts.round_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the descriptions of the outcome's extras."""
        return ARRAY_SPECS

    def start(self) -> AuctionState:
        """Returns round 0, in which all factors are 1."""
        return AuctionState(0, torch.ones_like(self._put(self._resources.capacity)))

    def observe(self, state: AuctionState, /) -> AuctionObservation:
        """Returns resources and requests of the round."""
        resources, requests, floors = self._resources, self._requests(state.round), self.parts.settings.floors
        demand = self._put(requests.demand)
        return AuctionObservation(
            interval=state.round,
            capacity=self._put(resources.capacity),
            unit_cost=self._put(resources.unit_cost),
            position_m=self._put(resources.position_m),
            reliability=self._put(resources.reliability),
            availability=self._put(resources.availability),
            energy=self._put(resources.energy),
            price_factor=state.price_factor,
            demand=demand,
            budget=self._put(requests.budget),
            priority=self._put(requests.priority),
            request_position_m=self._put(requests.position_m),
            least_reliability=torch.full_like(demand, 0.0 if self._as_published else floors.reliability),
            least_availability=torch.full_like(demand, 0.0 if self._as_published else floors.availability),
            most_distance_m=torch.full_like(demand, 1e9 if self._as_published else floors.distance_m),
        )

    def step(self, state: AuctionState, decision: AuctionDecision, /) -> tuple[AuctionState, Outcome]:
        """Checks the decision, counts it and moves the prices.

        Raises:
            InfeasibleDecision: a request is served where it may not be, or a resource by more than it has.
        """
        seen = self.observe(state)
        decision = require_auction_decision(decision, seen, self.context)
        served = (decision.resource >= 0).to(seen.demand.dtype)
        used = torch.zeros_like(seen.capacity)
        used = used.scatter_add_(1, decision.resource.clamp(min=0), served * seen.demand) / seen.capacity
        factor = self._next_factor(state.price_factor, used)
        return AuctionState(state.round + 1, factor), self._outcome(seen, decision, used, factor)

    def _outcome(self, seen: AuctionObservation, decision: AuctionDecision, used: Tensor, factor: Tensor) -> Outcome:
        served = (decision.resource >= 0).to(seen.demand.dtype)
        score = chosen_utility(seen, self.context, decision.resource)
        if self._as_published and self.parts.settings.claimed_scores and decision.claimed is not None:
            score = torch.where(served > 0, decision.claimed, 0.0)
        paid = decision.price * seen.demand if self._as_published else decision.price
        nothing = torch.zeros_like(served)
        count = torch.ones_like(served[:, 0])
        extras = {
            "score": score,
            "served": served,
            "revenue": (paid * served).sum(1),
            "feasible_bids": count_allowed(seen).to(torch.float64),
            "requests": count * self.context.requests,
            "utilisation": used.sum(1) / self.context.resources,
            "rounds": count,
            "price_factor": factor.sum(1) / self.context.resources,
        }
        return Outcome(served * seen.demand, seen.demand, nothing, nothing, nothing[:, 0], extras)

    def _next_factor(self, factor: Tensor, used: Tensor) -> Tensor:
        price = self.parts.settings.price
        if self._as_published:
            return factor
        return (factor + price.step * (used - price.target)).clamp(price.least, price.most)

    def _supply(self, settings: AuctionSettings) -> tuple[Resources, int]:
        parts = self.parts
        if self._as_published and parts.demands is not None:
            count = settings.resources or max(1, len(parts.demands) // 4)
            resources, self._published_requests = published(parts.drops, parts.demands, count)
            return resources, len(parts.demands)
        return drawn_resources(parts.drops, settings.resource_count), settings.requests

    def _requests(self, round_: int) -> Requests:
        if self._published_requests is not None:
            return self._published_requests
        demands, count = self.parts.demands, self.parts.settings.requests
        if demands is not None:
            first = round_ * count % (len(demands) // count * count)
            demands = demands[first : first + count]
        return drawn_requests(self.drops, count, round_, demands)

    def _put(self, values: Tensor) -> Tensor:
        return values.to(self.parts.device, self.parts.dtype)
