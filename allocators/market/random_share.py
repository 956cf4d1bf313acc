"""Gives every base station to a UE drawn at random."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.market import MarketContext, MarketDecision, MarketObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .equal_share import free_decision


@dataclass(config=PARAMETERS)
class RandomShare:
    """Gives all of a base station to one of its UEs, drawn anew in every interval."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Prepares the draws of each drop."""
        self._keys = context.drops.keys(f"allocator/random_share/{seed}").to(context.device)

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Draws a number for each link; the greatest of a base station wins."""
        market = observation.market
        size = market.weights[0].numel()
        luck = uniform(self._keys, tuple(market.weights.shape[1:]), start=observation.interval * size)
        luck = torch.where(market.links, luck.to(market.weights.dtype), 0.0)
        best = torch.zeros_like(market.supply).scatter_reduce(1, market.cells.flatten(1), luck.flatten(1), "amax")
        chosen = (market.links & (luck >= market.at_links(best))).to(luck.dtype)
        return free_decision(market, chosen / market.at_links(market.at_cells(chosen)).clamp(min=1.0))
