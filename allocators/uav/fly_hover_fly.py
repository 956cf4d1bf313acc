"""Sends each UAV from stop to stop, and lets it hover at each for a while."""

from __future__ import annotations

from itertools import permutations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .placement.hover_points import Fleet, HoverPoints, Points, at_height, hover_height_m
from .placement.user_clusters import UserClusters, best_clusters, draw_starts, kmeans, nearest
from .steering import fly_towards

_ARRIVED_M = 5.0  # a stop is reached within this distance


@dataclass(config=PARAMETERS)
class FlyHoverFly:
    """Sends each UAV around a tour of stops; it hovers at each for a time in proportion to the users there.

    Users are clustered by k-means, a cluster for each UAV, and the users of a cluster again, a cluster for each stop. A
    tour is the shortest closed way through its stops, found by trying all. A UAV begins at its nearest stop. Powers,
    association and shares follow the rules of the scenario.

    Source: the protocol of Zeng, Xu, Zhang, "Energy minimization for wireless communication with rotary-wing UAV", IEEE
    Trans. Wireless Commun. 18(4), 2019. Ours: stops by k-means, hovering times, no limit on service in flight.
    """

    stops: int = Field(default=3, ge=1, le=6)
    """Stops of a tour; a cluster with fewer places of users has fewer."""
    hover_s: float = Field(default=15.0, gt=0, le=1e6)
    """Mean time at a stop."""
    plan_s: float = Field(default=150.0, gt=0, le=1e6)
    """Time between two plans."""
    turns: int = Field(default=30, ge=1, le=1000)
    """Iterations of k-means at most."""
    height_m: float | None = Field(default=None, gt=0)
    """Height of flight, within the allowed heights; null: the middle of these."""

    def reset(self, context: UavContext, seed: int) -> None:
        """Prepares the random numbers of the drops, and forgets users and tours."""
        keys = context.drops.keys(f"allocator/fly_hover_fly/{seed}").to(context.device)
        self._context, self._height_m = context, hover_height_m(context, self.height_m)
        self._draw = uniform(keys, (context.uavs,))
        self._stop_draw = uniform(keys, (context.uavs, self.stops), start=context.uavs)
        self._homes = HoverPoints(context, self._plan, self.plan_s, self.height_m)
        self._every = max(1, round(self.plan_s / context.interval_s))
        zero = torch.zeros((len(context.drops), context.uavs), dtype=torch.float64, device=context.device)
        self._at, self._left_s = zero.to(torch.int64), zero

    def decide(self, observation: UavObservation) -> UavDecision:
        """Sends the UAVs to their stops, or lets them hover."""
        home = self._homes.fly(observation)
        if observation.interval % self._every == 0:
            self._make_tours(observation)
        target = self._stop_m.gather(2, self._at[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]
        away = (observation.position_m[..., :2].to(torch.float64) - target).square().sum(-1)
        self._hover(away <= _ARRIVED_M**2)
        velocity = fly_towards(self._context, observation.position_m, at_height(self._context, target, self._height_m))
        return UavDecision(torch.where(self._idle[..., None], home, velocity))

    def _hover(self, there: Tensor) -> None:
        """Counts the time at the stops, and goes on to the next stop where it is over."""
        self._left_s = self._left_s - there * self._context.interval_s
        over = there & (self._left_s <= 0)
        self._at = torch.where(over, (self._at + 1) % self.stops, self._at)
        now = self._time_s.gather(2, self._at[..., None])[..., 0]
        self._left_s = torch.where(over, now, self._left_s)

    def _plan(self, fleet: Fleet) -> Points:
        drawn = draw_starts(fleet.user_m, fleet.weight, self._draw)
        starts = torch.stack((fleet.before_m, drawn), 1)
        found = best_clusters(fleet.user_m, fleet.weight, starts, fleet.count, self.turns)
        return Points(found.centre_m, found.size > 0)

    def _make_tours(self, observation: UavObservation) -> None:
        """Makes the stops of each UAV around its point, their order and their times."""
        home = self._homes.target_m[..., :2].to(torch.float64)
        users = self._homes.users
        found = self._stops(home, users.place_m, users.weight, observation.active)
        uav_m = observation.position_m[..., :2].to(torch.float64).flatten(0, 1)
        size, stop = order_tours(uav_m, found)
        total = size.sum(-1, keepdim=True)
        shape = (*home.shape[:2], self.stops)
        self._stop_m = stop.view(*shape, 2)
        self._time_s = (size / total.clamp(min=1.0) * (self.hover_s * self.stops)).view(shape)
        self._idle = (total <= 0).view(shape[:2])
        self._at = torch.zeros(shape[:2], dtype=torch.int64, device=home.device)
        self._left_s = self._time_s[..., 0]

    def _stops(self, home: Tensor, user_m: Tensor, weight: Tensor, active: Tensor) -> UserClusters:
        """Makes clusters of the users of each UAV, drops and UAVs in one row."""
        out_of_reach = torch.where(active[..., None], home, torch.inf)
        label = nearest(out_of_reach, user_m, torch.full_like(active[:, :1], active.shape[1], dtype=torch.int64))[0]
        number = torch.arange(active.shape[1], device=home.device)[:, None]
        mine = ((label[:, None] == number) & active[..., None]) * weight[:, None]
        users = user_m.repeat_interleave(active.shape[1], 0)
        flat, count = mine.flatten(0, 1), torch.full_like(label[:, :1], self.stops)
        start = draw_starts(users, flat, self._stop_draw.flatten(0, 1))
        return kmeans(users, flat, start, count.repeat_interleave(active.shape[1], 0), self.turns)


def order_tours(start_m: Tensor, stops: UserClusters) -> tuple[Tensor, Tensor]:
    """Orders stops along the shortest closed tour that begins at the nearest, stops without users last.

    Args:
        start_m: where the UAV is, ``[problems, 2]``.
        stops: their places and users.

    Returns:
        Users of each stop ``[problems, stops]`` and their places ``[problems, stops, 2]``; a stop without users has the
        place of the first.
    """
    number = stops.size.shape[1]
    empty = stops.size <= 0
    away = torch.where(empty, torch.inf, (stops.centre_m - start_m[:, None]).square().sum(-1))
    first = away.argmin(1)
    place = torch.where(empty[..., None], stops.centre_m[torch.arange(len(first)), first][:, None], stops.centre_m)
    orders = torch.tensor([(0, *rest) for rest in permutations(range(1, number))], device=first.device)
    turned = (orders + first[:, None, None]) % number  # [problems, orders, stops]
    tour = place[torch.arange(len(first))[:, None, None], turned]
    length = (tour - tour.roll(-1, 2)).square().sum(-1).sqrt().sum(-1)
    best = turned[torch.arange(len(first)), length.argmin(1)]
    return stops.size.gather(1, best), place.gather(1, best[..., None].expand(-1, -1, 2))
