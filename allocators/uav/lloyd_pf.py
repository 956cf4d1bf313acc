"""Moves each UAV to the centroid of the users that it serves, and shares its band in a proportional fair way."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from mac.uav.sharing import kept_share, shares
from mac.uav.types import UNSERVED
from phy.settings import PARAMETERS

from .placement.association import associate_fairly
from .placement.hover_points import at_height, hover_height_m
from .placement.known_users import KnownUsers
from .placement.links import Links, measure_links
from .placement.user_clusters import means
from .steering import fly_towards


@dataclass(config=PARAMETERS)
class LloydPf:
    """Alternates as it flies: users choose UAVs by proportional fairness, and UAVs fly to the centroids of their users.

    The association maximises the sum of the logarithms of rates at the present positions; it is made anew every
    ``plan_s``. The band of a UAV is shared by proportional fairness over mean rates. A UAV that serves nobody stays.

    Source: Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28(2), 1982, with the association of Ye
    et al. 2013 (see ``placement/association.py``) in place of the nearest centre; their combination is ours.
    """

    plan_s: float = Field(default=5.0, gt=0, le=1e6)
    """Time between two associations."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Forgets users and association."""
        self._context, self._users = context, KnownUsers(context)
        self._every = max(1, round(self.plan_s / context.interval_s))
        self._height_m = hover_height_m(context, self.height_m)
        self._fair = replace(context, radio=replace(context.radio, sharing="proportional_fair"))
        self._serving = torch.full((len(context.drops), context.users), UNSERVED, device=context.device)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Flies the UAVs to the centroids; decides association and shares."""
        self._users.update(observation)
        snr, uav_m = observation.snr.to(torch.float64), observation.position_m.to(torch.float64)
        links = measure_links(self._context, snr, uav_m, self._users.place_m, observation.noise_rise)
        wants = observation.waiting_bits > 0
        if observation.interval % self._every == 0:
            self._serving = associate_fairly(links, wants, self._context.radio.max_users)
        index = self._serving.clamp(min=0)
        served = (self._serving >= 0) & links.usable.gather(1, index[:, None])[:, 0]
        weight = self._users.weight * served
        centre = means(index, self._users.place_m, weight, uav_m[..., :2])
        target = at_height(self._context, centre, self._height_m)
        velocity = fly_towards(self._context, observation.position_m, target)
        return UavDecision(velocity, serving=torch.where(served, self._serving, UNSERVED),
                           share=self._shares(observation, links, index, served & wants))  # fmt: skip

    def _shares(self, observation: UavObservation, links: Links, uav: Tensor, served: Tensor) -> Tensor:
        """Shares the bands by proportional fairness, ``[B, V, U]``."""
        efficiency = links.efficiency.gather(1, uav[:, None])[:, 0]
        past = observation.mean_rate_bps.to(torch.float64) * kept_share(self._context)
        mine = shares(self._fair, uav, served, efficiency, past)
        number = torch.arange(self._context.uavs, device=uav.device)[:, None]
        share = torch.where(uav[:, None] == number, mine[:, None], 0.0)
        return share.to(self._context.dtype).clamp(max=1.0)
