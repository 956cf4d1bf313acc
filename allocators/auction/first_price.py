"""Auctions at first prices: the highest offers win and pay what they offered."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_pairs, asked_price, chosen_price
from phy.random import uniform
from phy.settings import PARAMETERS

from .pair_matching import match


def offers(seen: AuctionObservation) -> Tensor:
    """Computes the price of each allowed pair, minus infinity elsewhere, ``[B, U, Rs]``."""
    return torch.where(allowed_pairs(seen), asked_price(seen), -torch.inf)


@dataclass(config=PARAMETERS)
class FirstPrice:
    """Serves the pairs of the highest price first; a request pays the price, cost times demand.

    In the published run its utilities were no utilities of pairs but numbers drawn from 0.3 to 0.8, so that its
    efficiency follows from the quarter that is served: 0.25 times 0.55. As published they are drawn here, too.

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830, which compares with it.
    """

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Prepares the draws of published utilities."""
        self._context = context
        self._keys = context.drops.keys(f"allocator/first_price/{seed}").to(context.device)

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Matches by price."""
        seen, context = observation, self._context
        resource = match(offers(seen), seen, context)
        draw = uniform(self._keys, (context.requests,), start=seen.interval * context.requests)
        return AuctionDecision(resource, chosen_price(seen, resource), (0.3 + 0.5 * draw).to(seen.demand))
