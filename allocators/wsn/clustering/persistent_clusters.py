"""Keeps clusters of near nodes until a tenth of the nodes has died (k-means, game and learning).

B drops, N nodes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mac.wsn import NO_WAY, WsnContext, WsnObservation
from phy.random import uniform

from .medoids import draw_nodes, medoids
from .nearest_head import find_nearest_head

_LEFT = 0.9  # share of the nodes that must live for clusters to be kept (ours)


class PersistentClusters:
    """Makes ``p N`` clusters of N live nodes, anew in drops where a tenth has died since they were made.

    Args:
        context: of the run.
        stream: names the random numbers of the first centres.
        p: clusters over live nodes; at least one cluster.
        iterations: how often centres are moved.
    """

    def __init__(self, context: WsnContext, stream: str, p: float, iterations: int) -> None:
        self._context, self._p, self._iterations = context, p, iterations
        self._keys = context.drops.keys(stream).to(context.device)
        self._count = torch.full_like(context.initial_j[:, :1], torch.inf)
        self.label = torch.zeros_like(context.initial_j, dtype=torch.int64)
        """Cluster of each node, a node's number; ``[B, N]``."""

    def update(self, observation: WsnObservation) -> None:
        """Makes clusters anew in drops that have lost a tenth of their nodes."""
        count = observation.alive.sum(1, keepdim=True).to(self._count.dtype)
        stale = count < _LEFT * self._count
        if not bool(stale.any()):
            return
        nodes, place = self._context.nodes, self._context.position_m
        numbers = uniform(self._keys, (nodes,), start=observation.round * nodes)
        start = draw_nodes(numbers, observation.alive, (self._p * count).round().long().clamp(min=1))
        heads = medoids(place, observation.alive, observation.alive, start, self._iterations)
        self.label = torch.where(stale, find_nearest_head(place, heads).head.clamp(min=0), self.label)
        self._count = torch.where(stale, count, self._count)

    def leaders(self, heads: Tensor) -> Tensor:
        """Returns the head of each node's cluster, int64 ``[B, N]``; NO_WAY where it has none.

        Args:
            heads: bool ``[B, N]``, at most one in a cluster.
        """
        nodes = self._context.nodes
        own = torch.arange(nodes, device=heads.device).expand_as(self.label)
        leader = torch.full((len(heads), nodes + 1), NO_WAY, dtype=torch.int64, device=heads.device)
        return leader.scatter(1, torch.where(heads, self.label, nodes), own).gather(1, self.label)
