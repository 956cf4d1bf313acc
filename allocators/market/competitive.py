"""Sells at the prices of the market equilibrium, computed centrally."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.market import MarketContext, MarketDecision, MarketObservation
from phy.settings import PARAMETERS

from .equilibrium import competitive_equilibrium


@dataclass(config=PARAMETERS)
class Competitive:
    """Finds prices at which each UE buys its best bundle and every base station sells out: the Eisenberg-Gale optimum.

    No UE takes into account that it moves prices. The solver is accelerated proportional response (ours), which knows
    all weights; the rounds that it reports are its iterations.

    Source: Eisenberg, Gale, "Consensus of subjective probabilities: the pari-mutuel method", Annals of Mathematical
    Statistics 30(1), 1959; Shmyrev, 2009.
    """

    rounds: int = Field(default=2000, ge=1, le=1_000_000)
    """Iterations, at most."""
    tolerance: float = Field(default=1e-6, gt=0, le=1)
    """Gap to the optimum at which it stops."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Computes the equilibrium."""
        return competitive_equilibrium(observation.market, self.rounds, self.tolerance)


@dataclass(config=PARAMETERS)
class CoarseCompetitive(Competitive):
    """Finds the prices of the market equilibrium to a mean optimality gap of 1e-3: what ``fairwave bench`` times."""

    tolerance: float = Field(default=1e-3, gt=0, le=1)
    """Gap to the optimum at which it stops."""
