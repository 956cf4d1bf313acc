"""Sends every packet straight to the sink, without fusion."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.wsn import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from phy.settings import PARAMETERS


@dataclass(config=PARAMETERS)
class Direct:
    """Sends every node's packets straight to the sink: the baseline of all clustering.

    With a sink in the middle of the field it outlives LEACH.
    """

    def reset(self, context: WsnContext, seed: int) -> None:
        """Prepares a decision without heads."""
        self._no_heads = torch.zeros_like(context.initial_j, dtype=torch.bool)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Sends all live nodes to the sink."""
        return WsnDecision(torch.where(observation.alive, SINK, NO_WAY), self._no_heads)
