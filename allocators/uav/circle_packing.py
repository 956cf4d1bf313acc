"""Keeps UAVs over the middles of equal circles that are packed densely."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.air_to_ground.coverage_circle import optimal_elevation_deg
from phy.settings import PARAMETERS

from .placement.hover_points import at_height, hover_height_m
from .placement.matching import match_points
from .placement.packing import pack_circles
from .steering import fly_towards


@dataclass(config=PARAMETERS)
class CirclePacking:
    """Places UAVs over the middles of equal circles, one for each, packed in a disc in the middle of the area.

    The height lets the border of a circle see its UAV at the elevation of the largest coverage, within the allowed
    heights. It looks at no user. Powers, association and shares follow the rules of the scenario.

    Source: Mozaffari, Saad, Bennis, Debbah, "Efficient deployment of multiple unmanned aerial vehicles for optimal
    wireless coverage", IEEE Commun. Lett. 20(8), 2016. Ours: the disc, where the area is a rectangle.
    """

    disc_radius_m: float | None = Field(default=None, gt=0)
    """Radius of the disc; null: the largest one in the area. Points outside of the area are moved to its border."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: that of the largest coverage."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Computes the points of the packing."""
        self._context = context
        self._target: Tensor | None = None
        disc_m = 0.5 * min(context.area_m) if self.disc_radius_m is None else self.disc_radius_m
        packing = pack_circles(context.uavs)
        area = torch.tensor(context.area_m, dtype=torch.float64)
        point = torch.from_numpy(packing.centre * disc_m) + 0.5 * area
        height = self.height_m
        if height is None:
            above = packing.radius * disc_m * math.tan(math.radians(optimal_elevation_deg(context.channel)))
            height = context.user_height_m + above
        place = torch.minimum(point.clamp(min=0.0), area).to(context.device)
        self._points = at_height(context, place, hover_height_m(context, height))

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the points; which UAV to which is chosen at the first decision."""
        if self._target is None:
            points = self._points.expand(len(self._context.drops), -1, -1)
            all_uavs = torch.ones_like(points[..., 0], dtype=torch.bool)
            mine = match_points(observation.position_m, points[..., :2], all_uavs, all_uavs)
            self._target = torch.cat((mine, points[..., 2:]), -1)
        return UavDecision(fly_towards(self._context, observation.position_m, self._target))
