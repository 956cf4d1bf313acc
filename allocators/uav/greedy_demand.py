"""Sends each UAV to the largest unmet demand."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.settings import PARAMETERS

from .placement.hover_points import at_height, hover_height_m
from .placement.known_users import KnownUsers
from .placement.user_clusters import squared_m2
from .steering import even_grid, fly_towards

_DISTANCES = 1 << 18  # held at a time


@dataclass(config=PARAMETERS)
class GreedyDemand:
    """Selects targets greedily: the known user around which most demand is unmet, then the next without the demand met.

    The unmet demand of a user is the data that wait for it, over the most that wait for any; of a user that always has
    data it is what its mean rate lacks to the best mean rate, over that rate. Each target goes to the nearest UAV that
    is free, and the demand within ``reach_m`` of it counts as met. Targets are kept for ``hold_s``. A UAV without
    target flies to its point of the even grid. Powers, association and shares follow the rules of the scenario.

    Source: a common baseline; the measure of unmet demand, the reach and the time for which targets are kept are ours.
    """

    reach_m: float = Field(default=150.0, gt=0, le=1e5)
    """Horizontal distance from a target within which demand counts as met by its UAV."""
    hold_s: float = Field(default=20.0, gt=0, le=1e6)
    """Time for which targets are kept."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Resets users and targets."""
        self._context, self._users = context, KnownUsers(context)
        self._every = max(1, round(self.hold_s / context.interval_s))
        self._height_m = hover_height_m(context, self.height_m)
        self._target = at_height(context, even_grid(context)[:, :2], self._height_m)

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to their targets."""
        self._users.update(observation)
        if observation.interval % self._every == 0:
            unmet = unmet_demand(observation) * self._users.weight
            place = self._targets(observation, unmet)
            self._target = at_height(self._context, place, self._height_m)
        return UavDecision(fly_towards(self._context, observation.position_m, self._target))

    def _targets(self, observation: UavObservation, unmet: Tensor) -> Tensor:
        """Chooses the targets one after the other, float64 ``[B, V, 2]``."""
        users = self._users.place_m
        around = demand_around(users, unmet, self.reach_m)
        uav_m = observation.position_m[..., :2].to(torch.float64)
        free = observation.active
        place = even_grid(self._context)[:, :2].to(torch.float64).expand_as(uav_m)
        for _ in range(self._context.uavs):
            best = torch.where(unmet > 0, around, -1.0).argmax(1, keepdim=True)
            target = users.gather(1, best[..., None].expand(-1, -1, 2))
            away = torch.where(free, squared_m2(uav_m, target)[..., 0], torch.inf)
            one = torch.nn.functional.one_hot(away.argmin(1), self._context.uavs).bool()
            taken = one & free & (unmet > 0).any(1, keepdim=True)
            place = torch.where(taken[..., None], target, place)
            free = free & ~taken
            away = torch.where(taken.any(1, keepdim=True), squared_m2(users, target)[..., 0], torch.inf)
            unmet = torch.where(away <= self.reach_m**2, 0.0, unmet)
            changed = (away <= (2.001 * self.reach_m) ** 2).any(0).nonzero()[:, 0]
            around = around.index_copy(1, changed, demand_around(users, unmet, self.reach_m, changed))
        return place


def demand_around(place_m: Tensor, unmet: Tensor, reach_m: float, chosen: Tensor | None = None) -> Tensor:
    """Computes the unmet demand within reach of users, float64 ``[B, chosen]``.

    The distances of a few users to all others are held at a time, so that the memory is linear in the users.

    Args:
        place_m: positions of all users, float64 ``[B, U, 2]``.
        unmet: unmet demand of each, float64 ``[B, U]``.
        reach_m: horizontal distance.
        chosen: numbers of the users around which it is computed, int64; all if not given.
    """
    around = place_m if chosen is None else place_m[:, chosen]
    rows = max(1, _DISTANCES // max(1, unmet.numel()))
    parts = [
        torch.where(squared_m2(part, place_m) <= reach_m**2, unmet[:, None], 0.0).sum(-1)
        for part in around.split(rows, 1)
    ]
    return torch.cat(parts, 1)


def unmet_demand(observation: UavObservation) -> Tensor:
    """Computes the unmet demand of each user, 0 to 1, float64 ``[B, U]``.

    Args:
        observation: with the data that wait, and the mean rates.
    """
    waiting, mean = (one.to(torch.float64) for one in (observation.waiting_bits, observation.mean_rate_bps))
    full = torch.isinf(waiting)
    bits = torch.where(full, 0.0, waiting)
    rate = torch.where(full, mean, 0.0)
    best = rate.amax(1, keepdim=True)
    lacking = torch.where(best > 0, 1.0 - rate / best.clamp(min=1e-30), 1.0)
    return torch.where(full, lacking, bits / bits.amax(1, keepdim=True).clamp(min=1e-30))
