"""Selects heads by SEP: advanced nodes more often, in proportion to their charge at the start."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.wsn import WsnContext, WsnDecision, WsnObservation
from phy.settings import PARAMETERS

from .clustering.head_rotation import Epoch, HeadRotation
from .clustering.multi_hop import BetweenHeads, route_heads
from .clustering.nearest_head import join_nearest


@dataclass(config=PARAMETERS)
class Sep:
    """Draws heads as LEACH with p in proportion to a node's charge at the start: stable election protocol.

        p_i = p E_i(0) / mean E(0)

    which is p_nrm = p / (1 + a m) for normal and p_adv = p (1 + a) / (1 + a m) for advanced nodes.

    Source: Smaragdakis, Matta, Bestavros, "SEP: A stable election protocol for clustered heterogeneous wireless sensor
    networks", SANPA 2004.
    """

    p: float = Field(default=0.05, gt=0, le=1)
    """Wanted share of heads."""
    epoch: Epoch = "exact"
    """Rounds in which a node is head once, where 1/p is no whole number: exact, as published, or rounded to the nearest
    or up."""
    between_heads: BetweenHeads = "single_hop"
    """Whether heads send to the sink, or by way of other heads where that takes less energy: single_hop, multi_hop."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Starts with no node that has been head."""
        self._context, self._rotation = context, HeadRotation(context, f"sep/{seed}", self.epoch)
        mean = context.initial_j.mean(1, keepdim=True).clamp(min=1e-300)
        self._p = (self.p * context.initial_j / mean).clamp(1e-9, 1.0)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Draws heads and joins each node to the nearest."""
        decision = join_nearest(self._rotation.elect(observation, self._p), observation, self._context)
        return route_heads(decision, observation, self._context, self.between_heads)
