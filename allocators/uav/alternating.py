"""Plans trajectories and association in turns: alternating optimisation with successive convex approximation."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .placement.association import FairAssociation, associate_fairly
from .placement.hover_points import at_height, hover_height_m
from .placement.known_users import KnownUsers
from .placement.links import Links
from .placement.matching import match_points
from .placement.user_clusters import best_clusters, draw_starts
from .placement.waypoints import Mission, climb_utility, measure_way, within_reach
from .steering import even_grid, fly_towards

_TURNS = 30  # of k-means


@dataclass(config=PARAMETERS)
class Alternating:
    """Plans for the greatest sum of the logarithms of the users' mean rates over a horizon, again and again.

    In turns: with the trajectory given, each user is associated with one UAV, exactly
    (``scipy.optimize.linear_sum_assignment``); with the association given, the trajectory climbs by successive convex
    approximation (``placement.waypoints``). No turn makes it worse. A plan takes the better of two starts: the straight
    way to the centres of k-means, and the rest of the plan before, at first the straight way to users. In flight the
    association is made anew every ``associate_s`` at the present channel. Powers and shares follow the rules of the
    scenario; the plan counts with equal shares, with UAVs that all transmit, and with no limit of acceleration. Users
    that are not known do not count.

    Source: the blocks and the bound of Wu, Zeng, Zhang, "Joint trajectory and communication design for multi-UAV
    enabled wireless networks", IEEE Trans. Wireless Commun. 17(3), 2018. Ours: proportional fairness in place of
    max-min, the assignment, interference by its tangent, the horizon.
    """

    horizon_s: float = Field(default=60.0, gt=0, le=1e6)
    """Time that a plan looks ahead."""
    waypoints: int = Field(default=6, ge=1, le=200)
    """Waypoints of a UAV in that time."""
    plan_s: float | None = Field(default=None, gt=0, le=1e6)
    """Time between two plans; null: the horizon, so that plans are flown to their ends."""
    associate_s: float = Field(default=5.0, gt=0, le=1e6)
    """Time between two associations in flight."""
    turns: int = Field(default=3, ge=1, le=100)
    """Turns of association and trajectory."""
    steps: int = Field(default=8, ge=1, le=1000)
    """Steps of the trajectory in a turn."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops, and forgets users and plans."""
        self._context, self._users = context, KnownUsers(context)
        self._association = FairAssociation(context, self.associate_s)
        self._height_m = hover_height_m(context, self.height_m)
        keys = context.drops.keys(f"allocator/alternating/{seed}").to(context.device)
        self._draw = uniform(keys, (context.uavs,))
        self._every = max(1, round((self.plan_s or self.horizon_s) / context.interval_s))
        self._leg_s = self.horizon_s / self.waypoints
        self._way: Tensor | None = None

    def decide(self, observation: UavObservation) -> UavDecision:
        """Decides velocities along the plan, and the association."""
        self._users.update(observation)
        if self._way is None or observation.interval % self._every == 0:
            self._way, self._begin = self._planned(observation), observation.interval
        passed_s = (observation.interval - self._begin) * self._context.interval_s
        number = min(int(passed_s / self._leg_s), self.waypoints - 1)
        target = at_height(self._context, self._way[:, number], self._height_m)
        velocity = self._in_time(observation.position_m, target, (number + 1) * self._leg_s - passed_s)
        return UavDecision(velocity, serving=self._association.update(observation, self._users).serving)

    def _in_time(self, position_m: Tensor, target_m: Tensor, left_s: float) -> Tensor:
        """Computes the velocity to a waypoint, no faster than is needed to be there in time, ``[B, V, 3]``."""
        velocity = fly_towards(self._context, position_m, target_m)
        speed = velocity[..., :2].square().sum(-1, keepdim=True).sqrt()
        need = (target_m - position_m)[..., :2].square().sum(-1, keepdim=True).sqrt()
        need = need / max(left_s, self._context.interval_s)
        level = velocity[..., :2] * (need / speed.clamp(min=1e-9)).clamp(max=1.0)
        return torch.cat((level, velocity[..., 2:]), -1)

    def _planned(self, observation: UavObservation) -> Tensor:
        """Computes the waypoints of the plan, float64 ``[B, waypoints, V, 2]``."""
        context = self._context
        mission = Mission(
            context, self._users.place_m, self._users.weight, observation.noise_rise.to(torch.float64),
            observation.position_m[..., :2].to(torch.float64), observation.active, self._height_m,
            context.speed_mps * self._leg_s,
        )  # fmt: skip
        centres, seeds = self._straight(mission)
        starts = (seeds if self._way is None else self._rest(self._way), centres)
        first, second = (self._climbed(mission, start) for start in starts)
        better = (second[1] > first[1]) | (mission.weight.sum(1) == 0)
        return torch.where(better[:, None, None, None], second[0], first[0])

    def _climbed(self, mission: Mission, start_m: Tensor) -> tuple[Tensor, Tensor]:
        """Computes trajectories in turns from a start, and their utilities."""
        way = within_reach(mission, start_m)
        for _ in range(self.turns):
            serving = associate_way(mission, way)
            for _ in range(self.steps):
                before = way
                way, value = climb_utility(mission, way, serving)
                if bool((way == before).all()):
                    break
        return way, value

    def _rest(self, way_m: Tensor) -> Tensor:
        """Returns what is left of the plan before, and hovering after it."""
        shift = round(self._every * self._context.interval_s / self._leg_s)
        number = (torch.arange(self.waypoints) + shift).clamp(max=self.waypoints - 1)
        return way_m[:, number]

    def _straight(self, mission: Mission) -> tuple[Tensor, Tensor]:
        """Computes the ways to the centres and seeds (users) of k-means; without users to the even grid."""
        grid = even_grid(self._context)[:, :2].to(torch.float64).expand_as(mission.start_m)
        seeds = draw_starts(mission.user_m, mission.weight, self._draw)
        count = mission.active.sum(1, keepdim=True)
        found = best_clusters(mission.user_m, mission.weight, torch.stack((grid, seeds), 1), count, _TURNS)
        filled = found.size > 0
        centres = torch.where(filled[..., None], found.centre_m, grid)
        ways = [match_points(mission.start_m, point, mission.active, filled) for point in (centres, seeds)]
        centre, seed = (way[:, None].expand(-1, self.waypoints, -1, -1) for way in ways)
        return centre, seed


def associate_way(mission: Mission, way_m: Tensor) -> Tensor:
    """Chooses one UAV for each user for a whole trajectory, by their mean rates along it, int64 ``[B, U]``."""
    signals = measure_way(mission, way_m)
    mean = signals.efficiency.mean(1)
    links = Links(mean, (mean > 0) & mission.active[..., None])
    return associate_fairly(links, mission.weight > 0, mission.context.radio.max_users)
