"""Serves the best pairs first, by price or by utility."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_utility, chosen_price
from phy.settings import PARAMETERS

from .first_price import offers
from .pair_matching import match

_PUBLISHED = 0.74


@dataclass(config=PARAMETERS)
class Greedy:
    """Serves the pairs of the highest price, or utility, first; a request pays the price, cost times demand.

    In the published run every served request counted 0.74, so that its efficiency is 0.25 times 0.74. With one request
    for each resource it is worth at least half of the best matching, and no more than half is guaranteed: utilities
    [[1, .99], [.99, 0]] give 1 where 1.98 is possible.

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830, which compares with it.
    """

    by: Literal["price", "utility"] = "price"
    """What decides; the published baseline takes the price."""

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Remembers the rules."""
        self._context = context

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Matches in the order of prices or utilities."""
        seen, context = observation, self._context
        pairs = allowed_utility(seen, context) if self.by == "utility" else offers(seen)
        resource = match(pairs, seen, context)
        claimed = torch.full_like(seen.demand, _PUBLISHED)
        return AuctionDecision(resource, chosen_price(seen, resource), claimed)
