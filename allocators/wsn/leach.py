"""Selects heads by LEACH: at random, each node once in an epoch."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.wsn import WsnContext, WsnDecision, WsnObservation
from phy.settings import PARAMETERS

from .clustering.head_rotation import Epoch, HeadRotation
from .clustering.multi_hop import BetweenHeads, route_heads
from .clustering.nearest_head import join_nearest


@dataclass(config=PARAMETERS)
class Leach:
    """Draws each node as head once in 1/p rounds: low-energy adaptive clustering hierarchy.


    The others join the nearest head. Heads fuse and send to the sink. In a round without any head all nodes send to the
    sink (ours).

    Source: Heinzelman, Chandrakasan, Balakrishnan, "Energy-efficient communication protocol for wireless microsensor
    networks", HICSS 2000.
    """

    p: float = Field(default=0.05, gt=0, le=1)
    """Wanted share of heads."""
    epoch: Epoch = "exact"
    """Rounds in which a node is head once, where 1/p is no whole number: exact, as published, or rounded to the nearest
    or up."""
    between_heads: BetweenHeads = "single_hop"
    """Whether heads send to the sink, or by way of other heads where that takes less energy: single_hop, multi_hop."""
    direct_if_nearer: bool = False
    """Nodes to which the sink is nearer than any head send to the sink."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Starts with no node that has been head."""
        self._context, self._rotation = context, HeadRotation(context, f"leach/{seed}", self.epoch)
        self._p = context.initial_j.new_full((1, 1), self.p)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Draws heads and joins each node to the nearest."""
        chosen = self._rotation.elect(observation, self._p)
        decision = join_nearest(chosen, observation, self._context, self.direct_if_nearer)
        return route_heads(decision, observation, self._context, self.between_heads)
