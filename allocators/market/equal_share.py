"""Shares out every base station evenly."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from phy.settings import PARAMETERS


def free_decision(market: Market, parts: Tensor) -> MarketDecision:
    """Makes the decision in which base stations hand out parts of their supply and nothing is paid.

    Args:
        market: the markets.
        parts: of the supply of each link's base station, ``[B, U, J]``.
    """
    nothing = torch.zeros_like(parts)
    one = torch.ones(len(parts), dtype=torch.int64, device=parts.device)
    return MarketDecision(
        parts * market.at_links(market.supply), nothing, torch.zeros_like(market.supply), one, one > 0
    )


@dataclass(config=PARAMETERS)
class EqualShare:
    """Gives the same part of a base station to every UE that can use it, without prices."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Divides each supply by the number of its UEs."""
        market = observation.market
        links = market.links.to(market.weights.dtype)
        return free_decision(market, links / market.at_links(market.at_cells(links)).clamp(min=1.0))
