"""Sells by proportional response: each UE divides its budget in proportion to the utility that each link gave it."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from phy.settings import PARAMETERS

from .equilibrium import Descent, descend


def proportional_response(market: Market, rounds: int = 20_000, tolerance: float = 1e-9) -> MarketDecision:
    """Repeats proportional responses, which clear the market in every round and approach its equilibrium as O(1/t).

    With complements (rho below 0) and logarithmic utility it is damped by 1 / (1 - rho).

    Args:
        market: the markets.
        rounds: at most.
        tolerance: of the gap to the equilibrium.
    """
    return descend(market, Descent(), rounds, tolerance)


@dataclass(config=PARAMETERS)
class ProportionalResponse:
    """Divides the budgets of UEs in proportion to the utility that each base station gave them in the last round.

    Source: Wu, Zhang, "Proportional response dynamics leads to market equilibrium", STOC 2007; Birnbaum, Devanur, Xiao,
    "Distributed algorithms via gradient descent for Fisher markets", EC 2011 (rate); Gao, Kroer, "First-order methods
    for large-scale market equilibrium computation", NeurIPS 2020 (quasi-linear).
    """

    rounds: int = Field(default=200, ge=1, le=1_000_000)
    """Exchanges of bids and prices, at most; what the last one sold counts."""
    tolerance: float = Field(default=1e-6, gt=0, le=1)
    """Gap to the market equilibrium at which the market has settled."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Responds until the gap is small."""
        return proportional_response(observation.market, self.rounds, self.tolerance)
