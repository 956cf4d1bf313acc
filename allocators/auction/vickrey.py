"""Auctions at second prices: the highest offers win and pay the next one."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import chosen_price, chosen_utility
from phy.settings import PARAMETERS

from .first_price import offers
from .pair_matching import match


@dataclass(config=PARAMETERS)
class Vickrey:
    """Serves the highest prices first; a request pays the highest price of a request that got nothing at its resource.

    Where no other request wants the resource, it pays its own price. One price per resource is no VCG payment: requests
    want one of many resources (``fairwave auction --mechanism vcg`` computes those).

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830, which compares with it.
    """

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Remembers the rules."""
        self._context = context

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Matches by price and looks for the next price."""
        seen, context = observation, self._context
        pairs = offers(seen)
        resource = match(pairs, seen, context)
        losers = torch.where((resource >= 0)[..., None], -torch.inf, pairs).amax(1)
        own = chosen_price(seen, resource)
        rival = losers.gather(1, resource.clamp(min=0))
        price = torch.where(rival > -torch.inf, torch.minimum(rival, own), own)
        won = chosen_utility(seen, context, resource)
        return AuctionDecision(resource, torch.where(resource >= 0, price, 0.0), won)
