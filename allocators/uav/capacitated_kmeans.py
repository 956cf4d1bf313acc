"""Sends UAVs to the centres of clusters of bounded size, and serves each user by its cluster's UAV."""

from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .placement.hover_points import Fleet, HoverPoints, Points
from .placement.user_clusters import best_clusters, draw_starts, means, squared_m2


@dataclass(config=PARAMETERS)
class CapacitatedKMeans:
    """Keeps UAVs over the centres of clusters of users, none of which has more than ``capacity`` users.

    It alternates two exact steps from the centres of k-means: users are assigned to places in clusters so that the sum
    of squared distances is least (``scipy.optimize.linear_sum_assignment``), and centres move to the means. Powers,
    association and shares follow the rules of the scenario.

    Source: Bradley, Bennett, Demiriz, "Constrained k-means clustering", Microsoft Research, 2000
    (MSR-TR-2000-65), with an upper bound in place of the lower one. Ours: the capacity where none is given, and that
    plans are repeated.
    """

    capacity: int | None = Field(default=None, ge=1)
    """Greatest number of users in a cluster; null: ``radio.max_users``, or else equal clusters. Users beyond the
    capacity of all clusters are left out."""
    plan_s: float = Field(default=10.0, gt=0, le=1e6)
    """Time between two plans."""
    turns: int = Field(default=10, ge=1, le=100)
    """Alternations at most."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops, and forgets users and points."""
        keys = context.drops.keys(f"allocator/capacitated_kmeans/{seed}").to(context.device)
        self._draw, self._most = uniform(keys, (context.uavs,)), self.capacity or context.radio.max_users
        self._points = HoverPoints(context, self._plan, self.plan_s, self.height_m)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the centres."""
        return UavDecision(self._points.fly(observation))

    def _plan(self, fleet: Fleet) -> Points:
        drawn = draw_starts(fleet.user_m, fleet.weight, self._draw)
        tried = torch.stack((fleet.before_m, drawn), 1)
        centre = best_clusters(fleet.user_m, fleet.weight, tried, fleet.count, self.turns).centre_m
        users, weight, uavs = fleet.user_m, fleet.weight, centre.shape[1]
        label = torch.zeros_like(weight, dtype=torch.int64)
        for _ in range(self.turns):
            label = bounded_labels(squared_m2(centre, users), weight > 0, fleet.count, self._most)
            moved = means(label.clamp(min=0), users, weight * (label >= 0), centre)
            if bool((moved == centre).all()):
                break
            centre = moved
        filled = (label[:, None] == torch.arange(uavs, device=label.device)[:, None]).any(-1)
        return Points(centre, filled)


def bounded_labels(cost: Tensor, known: Tensor, count: Tensor, most: int | None) -> Tensor:
    """Assigns users to clusters of bounded size with the least sum of costs, int64 ``[B, U]``; -1 for none.

    Args:
        cost: ``[B, V, U]``.
        known: users to assign, bool ``[B, U]``.
        count: number of clusters, int64 ``[B, 1]``.
        most: users of a cluster at most; equal clusters if not given.
    """
    from scipy.optimize import linear_sum_assignment  # here, as it takes half a second

    label = torch.full_like(known, -1, dtype=torch.int64)
    for drop, clusters in enumerate(count[:, 0].clamp(min=1).tolist()):
        user = known[drop].nonzero()[:, 0]
        if len(user) == 0:
            continue
        places = min(len(user), math.ceil(len(user) / clusters) if most is None else most)
        table = np.repeat(cost[drop, :clusters][:, user].T.cpu().numpy(), places, axis=1)
        row, column = linear_sum_assignment(table)
        label[drop, user[torch.from_numpy(row)]] = torch.from_numpy(column // places).to(label.device)
    return label
