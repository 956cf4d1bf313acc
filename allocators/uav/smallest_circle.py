"""Sends UAVs to the centres of the smallest circles that hold the users."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .placement.enclosing_circle import enclosing_circle
from .placement.hover_points import Fleet, HoverPoints, Points
from .placement.user_clusters import best_clusters, draw_starts, nearest


@dataclass(config=PARAMETERS)
class SmallestCircle:
    """Keeps a UAV over the centre of the smallest circle around all users; several UAVs over those of clusters.

    With one UAV at a fixed height and equal shares the centre maximises the least rate, because the rate falls with the
    distance, and the farthest user is nearest there. With several UAVs users join the nearest centre and centres move
    to the middles of the smallest circles, in turns, from the centres of k-means (ours: a local optimum of the k-centre
    problem). Powers, association and shares follow the rules of the scenario.

    Source: Lyu, Zeng, Zhang, Lim, "Placement optimization of UAV-mounted mobile base stations", IEEE Commun. Lett.
    21(3), 2017, places UAVs by circles that hold users.
    """

    plan_s: float = Field(default=10.0, gt=0, le=1e6)
    """Time between two plans."""
    turns: int = Field(default=20, ge=1, le=1000)
    """Turns of joining and moving at most."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops, and forgets users and points."""
        keys = context.drops.keys(f"allocator/smallest_circle/{seed}").to(context.device)
        self._draw = uniform(keys, (context.uavs,))
        self._points = HoverPoints(context, self._plan, self.plan_s, self.height_m)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the centres."""
        return UavDecision(self._points.fly(observation))

    def _plan(self, fleet: Fleet) -> Points:
        drawn = draw_starts(fleet.user_m, fleet.weight, self._draw)
        starts = torch.stack((fleet.before_m, drawn), 1)
        centre = best_clusters(fleet.user_m, fleet.weight, starts, fleet.count, self.turns).centre_m
        number = torch.arange(centre.shape[1], device=centre.device)[:, None]
        users = fleet.user_m.repeat_interleave(centre.shape[1], 0)
        filled = torch.zeros_like(centre[..., 0], dtype=torch.bool)
        for _ in range(self.turns):
            label = nearest(centre, fleet.user_m, fleet.count)[0]
            member = (label[:, None] == number) & (fleet.weight > 0)[:, None]
            filled = member.any(-1)
            middle = enclosing_circle(users, member.flatten(0, 1))[0].view_as(centre)
            moved = torch.where(filled[..., None], middle, centre)
            if bool((moved == centre).all()):
                break
            centre = moved
        return Points(centre, filled)
