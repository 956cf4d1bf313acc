"""k-means clusters whose heads are the members with most charge."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from allocators.settings import PARAMETERS
from mac.wsn.distance import apart_m2
from mac.wsn.types import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from phy.random import uniform

from .central import draw, least_of_each, medoids
from .clusters import nearest
from .relay import BetweenHeads, routed


@dataclass(config=PARAMETERS)
class KMeans:
    """Fixed clusters by k-means over the places, and in each the member with the greatest residual charge is head.

    Clusters are made anew when a tenth of the nodes has died since they were made (ours). The sum of squared distances
    is brought down from centres by lot.

    Source: a common baseline; for example Park et al., Int. J. Distributed Sensor Networks, 2013.
    """

    p: float = Field(default=0.05, gt=0, le=1)
    """Clusters over live nodes, at least one."""
    between_heads: BetweenHeads = "single_hop"
    """Whether heads send to the sink, or by way of other heads where that takes less energy: single_hop, multi_hop."""
    turns: int = Field(default=10, ge=1, le=100)
    """How often centres are moved."""
    distance_weight: float = Field(default=0.0, ge=0, le=1000)
    """What a head's squared distance from the cluster's centre, over the field's area, costs against its charge over
    the greatest charge."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """No clusters yet."""
        self._context, self._keys = context, context.drops.keys(f"kmeans/{seed}").to(context.device)
        self._label: Tensor | None = None
        self._count = torch.zeros_like(context.initial_j[:, :1])

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """The fullest battery of each cluster leads it."""
        self._cluster(observation)
        assert self._label is not None
        place = self._context.position_m
        centre = place.gather(1, self._label[..., None].expand(-1, -1, 2))
        apart = apart_m2(place, centre) / (self._context.extent_m[0] * self._context.extent_m[1])
        most = observation.energy_j.amax(1, keepdim=True).clamp(min=1e-300)
        cost = self.distance_weight * apart - observation.energy_j / most
        nodes = self._context.nodes
        heads = least_of_each(self._label, observation.alive, cost, nodes)
        own = torch.arange(nodes, device=heads.device).expand_as(self._label)
        leader = torch.full((len(heads), nodes + 1), NO_WAY, dtype=torch.int64, device=heads.device)
        leader = leader.scatter(1, torch.where(heads, self._label, nodes), own)
        parent = torch.where(heads, SINK, leader.gather(1, self._label))
        decision = WsnDecision(torch.where(observation.alive, parent, NO_WAY), heads)
        return routed(decision, observation, self._context, self.between_heads)

    def _cluster(self, observation: WsnObservation) -> None:
        """New clusters for the drops that have lost many nodes."""
        count = observation.alive.sum(1, keepdim=True).to(self._count.dtype)
        stale = count < 0.9 * self._count if self._label is not None else torch.ones_like(count, dtype=torch.bool)
        if not bool(stale.any()):
            return
        nodes, place = self._context.nodes, self._context.position_m
        luck = uniform(self._keys, (nodes,), start=observation.round * nodes)
        start = draw(luck, observation.alive, (self.p * count).round().long().clamp(min=1))
        heads = medoids(place, observation.alive, observation.alive, start, self.turns)
        fresh = nearest(place, heads).head.clamp(min=0)
        self._label = fresh if self._label is None else torch.where(stale, fresh, self._label)
        self._count = torch.where(stale, count, self._count)
