"""Computes clusters by alternating assignment and centre, for all drops at once: heads that a sink chooses.

B drops, N nodes; a cluster is known by a number, its label.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mac.wsn.node_geometry import squared_distance_m2

from .nearest_head import find_nearest_head


def cluster_means(label: Tensor, member: Tensor, position_m: Tensor, clusters: int) -> Tensor:
    """Computes the mean position of the members of each cluster, ``[B, clusters, 2]``; 0 where it has none.

    Args:
        label: int64 ``[B, N]`` cluster of each node.
        member: bool ``[B, N]``, nodes that count.
        position_m: ``[B, N, 2]``.
        clusters: how many labels there are.
    """
    column = torch.where(member, label, clusters)
    zero = position_m.new_zeros((len(label), clusters + 1))
    count = zero.scatter_add(1, column, torch.ones_like(position_m[..., 0])).clamp(min=1.0)
    sums = [zero.scatter_add(1, column, position_m[..., axis]) / count for axis in (0, 1)]
    return torch.stack(sums, -1)[:, :-1]


def cheapest_member(label: Tensor, allowed: Tensor, cost: Tensor, clusters: int) -> Tensor:
    """Finds the allowed member of least cost in each cluster, bool ``[B, N]``; ties go to the lowest number."""
    column = torch.where(allowed, label, clusters)
    best = cost.new_full((len(label), clusters + 1), torch.inf)
    best = best.scatter_reduce(1, column, torch.where(allowed, cost, torch.inf), "amin")
    tied = allowed & (cost == best.gather(1, column))
    nodes = label.shape[1]
    own = torch.arange(nodes, device=label.device).expand_as(label)
    first = torch.full_like(column[:, :1], nodes).expand(-1, clusters + 1).contiguous()
    first = first.scatter_reduce(1, torch.where(tied, column, clusters), own, "amin")
    return tied & (own == first.gather(1, column))


def medoids(position_m: Tensor, alive: Tensor, eligible: Tensor, start: Tensor, iterations: int) -> Tensor:
    """Chooses heads with a small sum of squared distances to the nearest, bool ``[B, N]``: assign, then move each head.

    The best head of a cluster is the eligible member nearest to the members' mean, exactly, because the sum of squared
    distances to a point is that to the mean and a multiple of the squared distance from it. So no iteration makes it
    worse.

    Args:
        position_m: ``[B, N, 2]``.
        alive: bool ``[B, N]``, nodes that need a head nearby.
        eligible: bool ``[B, N]``, nodes that may be heads.
        start: bool ``[B, N]``, eligible heads to begin with.
        iterations: how often both is done.
    """
    heads, nodes = start, alive.shape[1]
    for _ in range(iterations):
        label = find_nearest_head(position_m, heads).head.clamp(min=0)
        mean = cluster_means(label, alive, position_m, nodes)
        distance = squared_distance_m2(position_m, mean.gather(1, label[..., None].expand(-1, -1, 2)))
        heads = cheapest_member(label, eligible & alive, distance, nodes)
    return heads


def draw_nodes(numbers: Tensor, eligible: Tensor, count: Tensor) -> Tensor:
    """Draws ``count`` of the eligible nodes, bool ``[B, N]``; all of them where there are fewer.

    Args:
        numbers: ``[B, N]`` random numbers in (0, 1).
        eligible: bool ``[B, N]``.
        count: int64 ``[B, 1]``.
    """
    rank = torch.where(eligible, numbers, 2.0).argsort(1).argsort(1)
    return eligible & (rank < count)
