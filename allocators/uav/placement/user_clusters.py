"""Computes clusters of users by k-means, for all drops at once.

V UAVs (and clusters), U users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class UserClusters:
    """Holds clusters of users."""

    centre_m: Tensor  # [problems, V, 2]
    label: Tensor  # [problems, U] int64, the cluster of each user
    size: Tensor  # [problems, V] sum of the weights of its users
    inertia: Tensor  # [problems] sum of weighted squared distances from the centres


def squared_m2(centre_m: Tensor, user_m: Tensor) -> Tensor:
    """Computes the squared distance of all centres and users, ``[problems, V, U]``."""
    x = centre_m[..., 0, None] - user_m[:, None, :, 0]
    y = centre_m[..., 1, None] - user_m[:, None, :, 1]
    return x * x + y * y


def kmeans(user_m: Tensor, weight: Tensor, start_m: Tensor, count: Tensor, turns: int) -> UserClusters:
    """Computes clusters by Lloyd's iteration; a cluster that loses all its users keeps its centre.

    Args:
        user_m: float64 ``[problems, U, 2]``.
        weight: of each user, at least 0, ``[problems, U]``.
        start_m: centres at the start, ``[problems, V, 2]``.
        count: number of clusters, int64 ``[problems, 1]``; centres beyond it have no users.
        turns: iterations at most.
    """
    centre = start_m
    for _ in range(turns):
        label = nearest(centre, user_m, count)[0]
        moved = means(label, user_m, weight, centre)
        if bool((moved == centre).all()):
            break
        centre = moved
    label, squared = nearest(centre, user_m, count)
    size = _sums(label, weight, centre.shape[1])
    return UserClusters(centre, label, size, (squared * weight).sum(1))


def nearest(centre_m: Tensor, user_m: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the nearest of the first ``count`` centres, int64 ``[problems, U]``, and its squared distance."""
    number = torch.arange(centre_m.shape[1], device=centre_m.device)
    left_out = number >= count.clamp(min=1)
    squared = torch.where(left_out[..., None], torch.inf, squared_m2(centre_m, user_m))
    least, label = squared.min(1)
    return label, least


def means(label: Tensor, user_m: Tensor, weight: Tensor, centre_m: Tensor) -> Tensor:
    """Computes the weighted mean position of each cluster, ``[problems, V, 2]``; the old centre where it has none."""
    clusters = centre_m.shape[1]
    size = _sums(label, weight, clusters)
    total = [_sums(label, weight * user_m[..., axis], clusters) for axis in (0, 1)]
    mean = torch.stack(total, -1) / size.clamp(min=1e-30)[..., None]
    return torch.where((size > 0)[..., None], mean, centre_m)


def draw_starts(user_m: Tensor, weight: Tensor, draw: Tensor) -> Tensor:
    """Draws centres to start from by k-means++, ``[problems, V, 2]``.

    The first is a user drawn by weight, each further one a user drawn by weight times squared distance from the centres
    so far (Arthur, Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007).

    Args:
        user_m: float64 ``[problems, U, 2]``.
        weight: ``[problems, U]``.
        draw: random numbers in (0, 1), ``[problems, V]``.
    """
    chosen: list[Tensor] = []
    far = torch.ones_like(weight)
    for number in range(draw.shape[1]):
        total = (weight * far).cumsum(1)
        index = torch.searchsorted(total, draw[:, number : number + 1] * total[:, -1:], right=True)
        index = index.clamp(max=weight.shape[1] - 1)
        centre = user_m.gather(1, index[..., None].expand(-1, -1, 2))
        squared = squared_m2(centre, user_m)[:, 0]
        far = squared if number == 0 else torch.minimum(far, squared)
        chosen.append(centre)
    return torch.cat(chosen, 1)


def best_clusters(user_m: Tensor, weight: Tensor, starts_m: Tensor, count: Tensor, turns: int) -> UserClusters:
    """Computes clusters from several starts and keeps those of least inertia; the first of equals.

    Args:
        user_m: float64 ``[B, U, 2]``.
        weight: ``[B, U]``.
        starts_m: ``[B, starts, V, 2]``.
        count: number of clusters, int64 ``[B, 1]``.
        turns: iterations at most.
    """
    starts = starts_m.shape[1]
    every = [one.repeat_interleave(starts, 0) for one in (user_m, weight, count)]
    found = kmeans(every[0], every[1], starts_m.flatten(0, 1), every[2], turns)
    best = found.inertia.view(-1, starts).argmin(1)
    row = torch.arange(len(user_m), device=user_m.device) * starts + best
    return UserClusters(found.centre_m[row], found.label[row], found.size[row], found.inertia[row])


def _sums(label: Tensor, value: Tensor, clusters: int) -> Tensor:
    """Sums over the users of each cluster, ``[problems, clusters]``."""
    return value.new_zeros((len(value), clusters)).scatter_add(1, label, value)
