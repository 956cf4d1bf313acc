"""Sends UAVs to the centres of clusters of users, by k-means."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .placement.hover_points import Fleet, HoverPoints, Points
from .placement.user_clusters import best_clusters, draw_starts


@dataclass(config=PARAMETERS)
class KMeansPlacement:
    """Keeps UAVs over the centres of clusters of users by k-means, one cluster for each UAV in service.

    The clusters of least inertia of several starts are kept: those before, and ``starts`` drawn by k-means++. UAVs are
    matched to centres by the least sum of distances. Powers, association and shares follow the rules of the scenario.

    Source: a common baseline; Lloyd's iteration with the seeds of Arthur and Vassilvitskii, "k-means++: The advantages
    of careful seeding", SODA 2007. Ours: plans are repeated as users move, a UAV without cluster goes to a point of the
    even grid.
    """

    plan_s: float = Field(default=10.0, gt=0, le=1e6)
    """Time between two plans."""
    starts: int = Field(default=4, ge=1, le=100)
    """Random starts of k-means in a plan."""
    turns: int = Field(default=30, ge=1, le=1000)
    """Iterations of k-means at most."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops, and forgets users and points."""
        keys = context.drops.keys(f"allocator/kmeans_placement/{seed}").to(context.device)
        self._draw = uniform(keys, (self.starts, context.uavs))
        self._points = HoverPoints(context, self._plan, self.plan_s, self.height_m)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the centres."""
        return UavDecision(self._points.fly(observation))

    def _plan(self, fleet: Fleet) -> Points:
        drops, starts, uavs = self._draw.shape
        users, weight = (one.repeat_interleave(starts, 0) for one in (fleet.user_m, fleet.weight))
        drawn = draw_starts(users, weight, self._draw.flatten(0, 1)).view(drops, starts, uavs, 2)
        tried = torch.cat((fleet.before_m[:, None], drawn), 1)
        found = best_clusters(fleet.user_m, fleet.weight, tried, fleet.count, self.turns)
        return Points(found.centre_m, found.size > 0)
