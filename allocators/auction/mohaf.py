"""Auctions hierarchically: within clusters first, then among all that is left, by utility.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_utility, chosen_price, chosen_utility
from phy.settings import PARAMETERS

from .pair_matching import match_pairs

_ROUNDS = 20  # of k-means
_PUBLISHED_FACTOR = 1.0 + 0.01 * (0.0 - 0.8)


@dataclass(config=PARAMETERS)
class Mohaf:
    """Matches by utility: resources are clustered, each cluster matches the requests near it, the rest compete anew.

    As published there are no clusters, and a resource serves one request; the price is the cost of the demand times
    1 + 0.01 (0 - 0.8), times 0.8 + 0.4 U, at most the budget. On the common metric clusters really run, and the price
    is what the resource asks (its cost times the factor that follows utilisation) times 0.8 + 0.4 U.

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830. With one request for each resource a greedy matching is worth at
    least half of the best.
    """

    clusters: int = Field(default=5, ge=0, le=1000)
    """Clusters of resources by position (k-means); 0 or 1: one auction of all. None as published."""
    utility_price: bool = True
    """Prices rise with utility, by 0.8 + 0.4 U; otherwise requests pay what the resource asks."""

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Remembers the rules."""
        self._context = context

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Matches within clusters, then the rest."""
        seen, context = observation, self._context
        score = allowed_utility(seen, context)
        resource = torch.stack([self._matched(score, seen, drop) for drop in range(len(score))])
        won, asked = chosen_utility(seen, context, resource), chosen_price(seen, resource)
        if context.as_published:
            asked = asked * _PUBLISHED_FACTOR
        price = asked * (0.8 + 0.4 * won) if self.utility_price else asked
        return AuctionDecision(resource, torch.where(resource >= 0, torch.minimum(price, seen.budget), 0.0), won)

    def _matched(self, score: Tensor, seen: AuctionObservation, drop: int) -> Tensor:
        values = score[drop].cpu().numpy()
        demand = seen.demand[drop].cpu().numpy().astype(np.float64)
        capacity = seen.capacity[drop].cpu().numpy().astype(np.float64)
        one_each, taken = self._context.as_published, None
        clusters = 0 if one_each else min(self.clusters, len(capacity))
        if clusters > 1:
            resources, requests = seen.position_m[drop].cpu().numpy(), seen.request_position_m[drop].cpu().numpy()
            own = _same_cluster(resources.astype(np.float64), requests.astype(np.float64), clusters)
            taken = match_pairs(np.where(own, values, -np.inf), demand, capacity, one_each)
        return torch.from_numpy(match_pairs(values, demand, capacity, one_each, taken)).to(score.device)


def _same_cluster(resources: NDArray[np.float64], requests: NDArray[np.float64], clusters: int) -> NDArray[np.bool_]:
    """Returns the pairs in one cluster, ``[U, Rs]``; a request belongs to that of the nearest centre."""
    spread = np.linspace(0, len(resources) - 1, clusters).astype(int)
    centres = resources[np.argsort(resources.sum(1), kind="stable")[spread]]
    own = _nearest(resources, centres)
    for _ in range(_ROUNDS):
        members = own[None] == np.arange(clusters)[:, None]
        means = members @ resources / np.maximum(members.sum(1, keepdims=True), 1)
        centres = np.where(members.any(1, keepdims=True), means, centres)
        before, own = own, _nearest(resources, centres)
        if (own == before).all():
            break
    found: NDArray[np.bool_] = _nearest(requests, centres)[:, None] == own[None]
    return found


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.argmin(((points[:, None] - centres[None]) ** 2).sum(-1), axis=1)
    return found
