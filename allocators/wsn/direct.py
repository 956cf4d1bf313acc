"""Direct transmission: everybody to the sink, nobody fuses anything."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.wsn import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from phy.settings import PARAMETERS


@dataclass(config=PARAMETERS)
class Direct:
    """Every node sends its own packets to the sink: the yardstick that any clustering must beat.

    With a sink in the middle of the field it outlives LEACH.
    """

    def reset(self, context: WsnContext, seed: int) -> None:
        """Nobody is head."""
        self._nobody = torch.zeros_like(context.initial_j, dtype=torch.bool)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """To the sink."""
        return WsnDecision(torch.where(observation.alive, SINK, NO_WAY), self._nobody)
