"""Assigns PRBs of the cluster by proportional fairness on total rates."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.comp import CompContext, CompObservation
from mac.comp.books import with_serving_rate
from mac.market import MarketDecision
from phy.settings import PARAMETERS

from ..market.equilibrium import competitive_equilibrium


@dataclass(config=PARAMETERS)
class ClusterPf:
    """Assigns PRBs so that the sum of log(serving rate + rate bought), weighted by budgets, is greatest; no payments.

    Reserve prices stand for the sellers' own UEs: a PRB is handed out where it is worth more than that.
    """

    rounds: int = Field(default=2000, ge=1, le=1_000_000)
    """Rounds of the solver, at most."""
    tolerance: float = Field(default=1e-5, gt=0, le=1)
    """Gap to the optimum at which the solver stops."""

    def reset(self, context: CompContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: CompObservation) -> MarketDecision:
        """Solves the market in which every UE also buys its serving rate."""
        market = with_serving_rate(observation.market, observation.serving_rate)
        found = competitive_equilibrium(market, self.rounds, self.tolerance)
        links, cells = observation.weights.shape[-1], observation.supply.shape[-1]
        quantity = found.quantity[..., :links]
        prices = torch.zeros_like(found.prices[:, :cells])
        return replace(found, quantity=quantity, spend=torch.zeros_like(quantity), prices=prices)
