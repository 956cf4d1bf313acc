"""Defines the difficult auctions on which the contract check tries allocators."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.feasible import require_auction_decision
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class Auctions:
    """Describes a short run of auctions.

    Attributes:
        largest: demands are drawn from 0 to this.
        floor: least reliability and availability.
        identical: whether all resources are the same.
    """

    name: str
    requests: int = 12
    resources: int = 4
    rounds: int = 2
    largest: float = 0.6
    floor: float = 0.0
    budget: float = 50.0
    identical: bool = False
    as_published: bool = False
    dtype: torch.dtype = torch.float64

    def play(self, drops: Drops) -> tuple[AuctionContext, list[AuctionObservation]]:
        """Draws the context and the observations."""
        luck = CaseRandom(drops, self.name)
        weights = (0.3, 0.3, 0.2, 0.2)
        device = torch.device("cpu")
        context = AuctionContext(drops, self.requests, self.resources, self.as_published, weights, device)
        return context, [self._round(luck, number) for number in range(self.rounds)]

    def _round(self, luck: CaseRandom, number: int) -> AuctionObservation:
        drawn = luck("resources", self.resources, 8)
        drawn = (drawn[:, :1] if self.identical else drawn).expand(-1, self.resources, -1).to(self.dtype)
        demand = (self.largest * luck("demand", self.requests, interval=number)).to(self.dtype)
        place = 200.0 * luck("place", self.requests, 2, interval=number).to(self.dtype) - 100.0
        floor = torch.full_like(demand, self.floor)
        return AuctionObservation(
            interval=number,
            capacity=0.5 + 0.5 * drawn[..., 0],
            unit_cost=0.3 + 0.5 * drawn[..., 1],
            position_m=200.0 * drawn[..., 2:4] - 100.0,
            reliability=0.95 + 0.05 * drawn[..., 4],
            availability=0.95 + 0.05 * drawn[..., 5],
            energy=0.6 + 0.3 * drawn[..., 6],
            price_factor=0.5 + drawn[..., 7],
            demand=demand,
            budget=torch.full_like(demand, self.budget),
            priority=torch.full_like(demand, 8.0),
            request_position_m=place,
            least_reliability=floor,
            least_availability=floor,
            most_distance_m=torch.full_like(demand, 150.0),
        )


CASES = (
    Auctions("one request and one resource", requests=1, resources=1),
    Auctions("one resource", resources=1),
    Auctions("one request", requests=1),
    Auctions("more resources than requests", requests=3, resources=9),
    Auctions("demands that no resource has", largest=5.0),
    Auctions("floors that no resource meets", floor=1.0),
    Auctions("budgets that pay for nothing", budget=1e-6),
    Auctions("all resources identical", identical=True),
    Auctions("as published", as_published=True),
    Auctions("many requests", requests=16, resources=3),
    Auctions("single precision", dtype=torch.float32),
)
CHECK = FamilyCheck(
    observation=AuctionObservation,
    decision=AuctionDecision,
    require=require_auction_decision,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
