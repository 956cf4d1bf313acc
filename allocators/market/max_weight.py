"""Gives every base station to the UE that values it most."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.market import MarketContext, MarketDecision, MarketObservation
from phy.settings import PARAMETERS

from .equal_share import free_decision


@dataclass(config=PARAMETERS)
class MaxWeight:
    """Gives all of a base station to the UE with the greatest weight, evenly where several have it: max rate.

    With linear utility this is the maximum of linear welfare, the sum of utilities, whatever the budgets are.
    """

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Finds the greatest weight of each base station."""
        market = observation.market
        weights = torch.where(market.links, market.weights, 0.0)
        start = torch.zeros_like(market.supply)
        best = start.scatter_reduce(1, market.cells.flatten(1), weights.flatten(1), "amax")
        chosen = (market.links & (weights >= market.at_links(best))).to(weights.dtype)
        return free_decision(market, chosen / market.at_links(market.at_cells(chosen)).clamp(min=1.0))
