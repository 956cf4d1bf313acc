"""Selects heads by DEEC: the probability follows the residual charge of a node over the mean."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.wsn import WsnContext, WsnDecision, WsnObservation
from phy.settings import PARAMETERS

from .clustering.head_rotation import HeadRotation
from .clustering.multi_hop import BetweenHeads, route_heads
from .clustering.nearest_head import join_nearest


@dataclass(config=PARAMETERS)
class Deec:
    """Draws heads by residual charge over the mean charge: distributed energy-efficient clustering.

        p_i = p N (1 + a_i) E_i / ((N + sum a) Ebar)

    with a_i the excess of the node's charge at the start over the least one, as a multiple of it, and Ebar the mean
    charge of the live nodes. The paper estimates Ebar from the round and the expected life of the field, (E_total / N)
    (1 - r / R); here it is known (ours), so that no R has to be guessed and the probabilities hold to the end. Epochs
    of 1/p rounds are rounded up to whole rounds (ours): p changes from round to round, and where a part of a round
    counted, so would the rounds at which past epochs began.

    Source: Qing, Zhu, Wang, "Design of a distributed energy-efficient clustering algorithm for heterogeneous wireless
    sensor networks", Computer Communications 29, 2006.
    """

    p: float = Field(default=0.05, gt=0, le=1)
    """Wanted share of heads."""
    between_heads: BetweenHeads = "single_hop"
    """Whether heads send to the sink, or by way of other heads where that takes less energy: single_hop, multi_hop."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Computes the weights of the nodes by their charge at the start."""
        self._context, self._rotation = context, HeadRotation(context, f"deec/{seed}", "up")
        weight = context.initial_j / context.initial_j.amin(1, keepdim=True).clamp(min=1e-300)
        self._base = self.p * weight * context.nodes / weight.sum(1, keepdim=True)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Draws heads and joins each node to the nearest."""
        count = observation.alive.sum(1, keepdim=True).clamp(min=1)
        mean = (observation.energy_j.sum(1, keepdim=True) / count).clamp(min=1e-300)
        probability = (self._base * observation.energy_j / mean).clamp(1e-9, 1.0)
        decision = join_nearest(self._rotation.elect(observation, probability), observation, self._context)
        return route_heads(decision, observation, self._context, self.between_heads)
