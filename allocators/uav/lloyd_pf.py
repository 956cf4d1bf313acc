"""Moves each UAV to the centroid of the users that it serves, and shares its band in a proportional fair way."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from mac.uav.sharing import kept_share, shares
from phy.settings import PARAMETERS

from .placement.association import Associated, FairAssociation
from .placement.hover_points import at_height, hover_height_m
from .placement.known_users import KnownUsers
from .placement.user_clusters import means
from .steering import fly_towards


@dataclass(config=PARAMETERS)
class LloydPf:
    """Chooses UAVs for users by proportional fairness, and sends UAVs to the centroids of their users, in turns.

    The association maximises the sum of the logarithms of rates at the present positions; it is made anew every
    ``plan_s``. The band of a UAV is shared by proportional fairness over mean rates. A UAV without users stays.

    Source: Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28(2), 1982, with the association of Ye
    et al. 2013 (see ``placement.association``) in place of the nearest centre; their combination is ours.
    """

    plan_s: float = Field(default=5.0, gt=0, le=1e6)
    """Time between two associations."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Resets users and association."""
        self._context, self._users = context, KnownUsers(context)
        self._association = FairAssociation(context, self.plan_s)
        self._height_m = hover_height_m(context, self.height_m)
        self._fair = replace(context, radio=replace(context.radio, sharing="proportional_fair"))

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to the centroids; decides association and shares."""
        self._users.update(observation)
        found = self._association.update(observation, self._users)
        uav, served = found.serving.clamp(min=0), found.serving >= 0
        here = observation.position_m[..., :2].to(torch.float64)
        centre = means(uav, self._users.place_m, self._users.weight * served, here)
        velocity = fly_towards(self._context, observation.position_m, at_height(self._context, centre, self._height_m))
        return UavDecision(velocity, serving=found.serving, share=self._shares(observation, found))

    def _shares(self, observation: UavObservation, found: Associated) -> Tensor:
        """Shares the bands by proportional fairness, ``[B, V, U]``."""
        uav, served = found.serving.clamp(min=0), (found.serving >= 0) & (observation.waiting_bits > 0)
        past = observation.mean_rate_bps.to(torch.float64) * kept_share(self._context)
        mine = shares(self._fair, uav, served, found.efficiency, past)
        number = torch.arange(self._context.uavs, device=uav.device)[:, None]
        share = torch.where(uav[:, None] == number, mine[:, None], 0.0)
        return share.to(self._context.dtype).clamp(max=1.0)
