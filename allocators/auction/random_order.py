"""Serves pairs in an order drawn at random."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_pairs, chosen_price
from phy.random import uniform
from phy.settings import PARAMETERS

from .pair_matching import match


@dataclass(config=PARAMETERS)
class RandomOrder:
    """Serves allowed pairs in a random order; a request pays the price, cost times demand.

    In the published run its utilities were drawn from 0.2 to 0.6: its efficiency is 0.25 times 0.4.

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830, which compares with it.
    """

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Prepares the draws of each drop."""
        self._context = context
        self._keys = context.drops.keys(f"allocator/random_order/{seed}").to(context.device)
        self._claims = context.drops.keys(f"allocator/random_order/claims/{seed}").to(context.device)

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Draws a number for each pair and matches in their order."""
        seen, context = observation, self._context
        shape = (context.requests, context.resources)
        draw = uniform(self._keys, shape, start=seen.interval * shape[0] * shape[1]).to(seen.demand)
        resource = match(torch.where(allowed_pairs(seen), draw, -torch.inf), seen, context)
        claim = 0.2 + 0.4 * uniform(self._claims, shape[:1], start=seen.interval * shape[0])
        return AuctionDecision(resource, chosen_price(seen, resource), claim.to(seen.demand))
