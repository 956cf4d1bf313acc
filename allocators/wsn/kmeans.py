"""Selects heads by k-means: in each cluster the member with most charge."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.wsn import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2
from phy.settings import PARAMETERS

from .clustering.medoids import cheapest_member
from .clustering.multi_hop import BetweenHeads, route_heads
from .clustering.persistent_clusters import PersistentClusters


@dataclass(config=PARAMETERS)
class KMeans:
    """Makes clusters by k-means over the positions; in each the member with the greatest residual charge is head.

    Clusters are made anew when a tenth of the nodes has died since they were made (ours). The centres
    that k-means starts from are drawn at random.

    Source: a common baseline.
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
        """Starts without clusters."""
        self._context = context
        self._clusters = PersistentClusters(context, f"kmeans/{seed}", self.p, self.turns)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Makes the member with most charge head of each cluster."""
        self._clusters.update(observation)
        place, label = self._context.position_m, self._clusters.label
        centre = place.gather(1, label[..., None].expand(-1, -1, 2))
        distance = squared_distance_m2(place, centre) / (self._context.extent_m[0] * self._context.extent_m[1])
        most = observation.energy_j.amax(1, keepdim=True).clamp(min=1e-300)
        cost = self.distance_weight * distance - observation.energy_j / most
        heads = cheapest_member(label, observation.alive, cost, self._context.nodes)
        parent = torch.where(heads, SINK, self._clusters.leaders(heads))
        decision = WsnDecision(torch.where(observation.alive, parent, NO_WAY), heads)
        return route_heads(decision, observation, self._context, self.between_heads)
