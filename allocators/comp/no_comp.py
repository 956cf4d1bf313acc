"""Sells nothing: every cell keeps its PRBs, and a UE in outage waits for its handover."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.comp import CompContext, CompObservation
from mac.market import MarketDecision
from phy.settings import PARAMETERS

from ..market.equal_share import free_decision


@dataclass(config=PARAMETERS)
class NoComp:
    """Sells nothing: what UEs have without CoMP."""

    def reset(self, context: CompContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: CompObservation) -> MarketDecision:
        """Returns a trade without quantities."""
        return free_decision(observation.market, torch.zeros_like(observation.weights))
