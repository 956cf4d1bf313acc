"""Clusters of near nodes that stand until some of them have died; what the game and k-means have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.wsn import NO_WAY, WsnContext, WsnObservation
from phy.random import uniform

from .medoids import draw_nodes, medoids
from .nearest_head import find_nearest_head

_LEFT = 0.9  # share of the nodes that must live for clusters to stand (ours)


class PersistentClusters:
    """``p N`` clusters of N live nodes, anew in drops where a tenth has died since they were made.

    Args:
        context: of the run.
        stream: names the random numbers of the first centres.
        p: clusters over live nodes; at least one cluster.
        turns: how often centres are moved.
    """

    def __init__(self, context: WsnContext, stream: str, p: float, turns: int) -> None:
        self._context, self._p, self._turns = context, p, turns
        self._keys = context.drops.keys(stream).to(context.device)
        self._count = torch.full_like(context.initial_j[:, :1], torch.inf)
        self.label = torch.zeros_like(context.initial_j, dtype=torch.int64)
        """Cluster of each node, a node's number; ``[B, N]``."""

    def update(self, observation: WsnObservation) -> None:
        """Make those anew that have lost many nodes."""
        count = observation.alive.sum(1, keepdim=True).to(self._count.dtype)
        stale = count < _LEFT * self._count
        if not bool(stale.any()):
            return
        nodes, place = self._context.nodes, self._context.position_m
        luck = uniform(self._keys, (nodes,), start=observation.round * nodes)
        start = draw_nodes(luck, observation.alive, (self._p * count).round().long().clamp(min=1))
        heads = medoids(place, observation.alive, observation.alive, start, self._turns)
        self.label = torch.where(stale, find_nearest_head(place, heads).head.clamp(min=0), self.label)
        self._count = torch.where(stale, count, self._count)

    def leaders(self, heads: Tensor) -> Tensor:
        """The head of each node's cluster, int64 ``[B, N]``; NO_WAY where it has none.

        Args:
            heads: bool ``[B, N]``, at most one in a cluster.
        """
        nodes = self._context.nodes
        own = torch.arange(nodes, device=heads.device).expand_as(self.label)
        leader = torch.full((len(heads), nodes + 1), NO_WAY, dtype=torch.int64, device=heads.device)
        return leader.scatter(1, torch.where(heads, self.label, nodes), own).gather(1, self.label)
