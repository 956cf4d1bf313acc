"""Sweep, tours and greedy targets: where UAVs fly, by hand and by plain loops."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby, permutations

import pytest
import torch
from oracles_uav import points, problem
from uav_flights import place, states

from allocators.uav import greedy_demand
from allocators.uav.circular_sweep import CircularSweep
from allocators.uav.fly_hover_fly import FlyHoverFly, order_tours
from allocators.uav.greedy_demand import GreedyDemand, demand_around, unmet_demand
from allocators.uav.placement.known_users import KnownUsers
from allocators.uav.placement.user_clusters import UserClusters
from phy.random import Drops, uniform

KEYS = Drops(5, tuple(range(20))).keys("test")


@pytest.mark.parametrize("acceleration", [None, 5.0])
def test_the_sweep_keeps_its_circle_speed_and_spacing(acceleration: float | None) -> None:
    one = problem(uavs__acceleration_mps2=acceleration, duration_s=200)
    flown = states(one, CircularSweep(), 160)
    radius = 500.0 / math.sqrt(2.0)
    for state in flown[60:]:
        rel = place(state) - 500.0
        assert rel.square().sum(-1).sqrt() == pytest.approx(torch.full_like(rel[..., 0], radius), abs=3.0)
        angle = torch.atan2(rel[..., 1], rel[..., 0]).sort(1).values
        assert angle.diff(dim=1) == pytest.approx(torch.full_like(angle[:, 1:], math.pi / 2), abs=0.02)
    speed = (place(flown[100]) - place(flown[99])).square().sum(-1).sqrt()
    assert speed == pytest.approx(torch.full_like(speed, 10.0), abs=0.2)
    turned = torch.atan2(*(place(flown[150])[0, 0] - 500).flip(0)) - torch.atan2(
        *(place(flown[60])[0, 0] - 500).flip(0)
    )
    assert float(turned) % (2 * math.pi) == pytest.approx(90 * 10.0 / radius % (2 * math.pi), abs=0.02)


def test_tours_are_the_shortest_closed_ones_from_the_nearest_stop() -> None:
    stop, start = uniform(KEYS, (5, 2)) * 1000, uniform(KEYS, (2,), 30) * 1000
    size = torch.where(uniform(KEYS, (5,), 40) < 0.7, 3.0, 0.0).to(torch.float64)
    size[:, 0] = 1.0
    none = torch.zeros(20, dtype=torch.int64)
    found, order = order_tours(start, UserClusters(stop, none[:, None], size, none.to(torch.float64)))
    for drop in range(20):
        real = [s for s in range(5) if size[drop, s] > 0]
        first = min(real, key=lambda s: math.dist(stop[drop, s], start[drop]))
        assert order[drop, 0].tolist() == stop[drop, first].tolist()
        lengths = [
            sum(math.dist(stop[drop, a], stop[drop, b]) for a, b in zip(tour, tour[1:] + tour[:1], strict=True))
            for tour in map(list, permutations(real))
        ]
        visited = [order[drop, k].tolist() for k in range(5) if found[drop, k] > 0]
        assert sorted(visited) == sorted(stop[drop, s].tolist() for s in real)
        mine = sum(math.dist(a, b) for a, b in zip(visited, visited[1:] + visited[:1], strict=True))
        assert mine == pytest.approx(min(lengths), rel=1e-12)


def test_one_uav_hovers_at_each_stop_in_proportion_to_its_users() -> None:
    """Stops of 6, 2 and 1 users at corners of a triangle: 45 s in all, 30, 10 and 5 s."""
    places = [(200, 200)] * 6 + [(800, 200)] * 2 + [(500, 700)]
    one = problem((0,), users=points(*places), uavs__count=1, duration_s=600)
    flown = states(one, FlyHoverFly(plan_s=1e4), 500)
    path = torch.cat([place(state)[:, 0] for state in flown])
    for stop, seconds in {(200, 200): 30, (800, 200): 10, (500, 700): 5}.items():
        there = (path - torch.tensor(stop)).square().sum(-1) <= 25.0
        lengths = [len(list(run)) for inside, run in groupby(there.tolist()) if inside]
        assert len(lengths) >= 3
        assert all(seconds <= length <= seconds + 3 for length in lengths[1:-1])  # and the way of 5 m out of it


def test_each_uav_flies_around_its_own_users() -> None:
    places = [(100, 100), (300, 100), (200, 300), (700, 700), (900, 700), (800, 900)]
    one = problem((0,), users=points(*places), uavs__count=2, duration_s=600)
    flown = torch.stack([place(state)[0] for state in states(one, FlyHoverFly(), 140)])
    first = int(flown[-1, 0, 0] > 500)
    for uav in range(2):
        own = places[:3] if uav == first else places[3:]
        for stop in own:
            assert float((flown[:, uav] - torch.tensor(stop)).square().sum(-1).min()) < 25.0
        other = places[3:] if uav == first else places[:3]
        assert float((flown[40:, uav, None] - torch.tensor(other)).square().sum(-1).min()) > 300.0**2


def test_unmet_demand_by_hand() -> None:
    seen = problem((0,)).start().observation
    waiting = torch.tensor([[torch.inf, torch.inf, torch.inf, 4e6, 1e6, 0.0]])
    mean = torch.tensor([[2e6, 1e6, 0.0, 9e6, 0.0, 5e6]])
    found = unmet_demand(replace(seen, waiting_bits=waiting, mean_rate_bps=mean))
    assert found[0].tolist() == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.25, 0.0])
    new = unmet_demand(replace(seen, waiting_bits=waiting, mean_rate_bps=mean * 0))
    assert new[0].tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.25, 0.0])


def test_greedy_uavs_take_the_crowds_in_their_order() -> None:
    """Crowds of 4, 3 and 1 users, two UAVs: one to each of the two larger ones, the nearest first."""
    places = [(150, 150), (160, 150), (150, 160), (160, 160), (850, 800), (860, 800), (850, 810), (100, 900)]
    one = problem((0,), users=points(*places), uavs__count=2)
    flown = states(one, GreedyDemand(), 60)
    first = states(one, GreedyDemand(hold_s=1e4), 60)
    ends = sorted(place(first[-1])[0].tolist())
    assert math.dist(ends[0], (155, 155)) < 12 and math.dist(ends[1], (855, 805)) < 12
    assert len(flown) == 61


def test_demand_around_users_in_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances held some users at a time, for all users or chosen ones, are those of every pair of users."""
    monkeypatch.setattr(greedy_demand, "_DISTANCES", 40)
    place_m, unmet = 500.0 * uniform(KEYS[:2], (11, 2)), uniform(KEYS[2:4], (11,))
    chosen = torch.tensor([7, 0, 3])
    for drop in range(2):
        spots = place_m[drop].tolist()
        around = [sum(unmet[drop, v].item() for v in range(11) if math.dist(spots[u], spots[v]) <= 150.0)
                  for u in range(11)]  # fmt: skip
        assert demand_around(place_m, unmet, 150.0)[drop].tolist() == pytest.approx(around)
        some = demand_around(place_m, unmet, 150.0, chosen)[drop].tolist()
        assert some == pytest.approx([around[u] for u in chosen])


def test_greedy_targets_in_plain_loops() -> None:
    """Target after target, each where most demand is left within reach, as with a table of all pairs of users."""
    spots = scattered(40)
    one = problem((0,), uavs__count=3, users=points(*spots))
    allocator, seen = GreedyDemand(reach_m=120.0), one.start().observation
    allocator.reset(one.context, 0)
    allocator.decide(seen)
    left, targets = set(range(40)), []
    for _ in range(3):
        best = max(range(40), key=lambda u: sum(math.dist(spots[u], spots[v]) <= 120.0 for v in left) * (u in left))
        targets.append(spots[best])
        left = {v for v in left if math.dist(spots[best], spots[v]) > 120.0}
    assert sorted(map(tuple, allocator._target[0, :, :2].tolist())) == sorted(targets)


def scattered(count: int) -> list[tuple[float, float]]:
    """Draws points of an area of 1000 m."""
    drawn = (1000.0 * uniform(KEYS[:1], (count, 2))[0]).round()
    return [(float(x), float(y)) for x, y in drawn]


def test_greedy_goes_on_to_users_that_wait() -> None:
    """One UAV, full buffers: after some time at the crowd the single user is the one that lacks most."""
    places = [(150, 150), (160, 150), (150, 160), (900, 900), (905, 900)]
    one = problem((0,), users=points(*places), uavs__count=1, duration_s=300)
    path = torch.cat([place(state)[:, 0] for state in states(one, GreedyDemand(), 200)])
    for crowd in ((153, 153), (902, 900)):
        assert float((path - torch.tensor(crowd)).square().sum(-1).min()) < 20.0**2


def test_positions_that_are_no_longer_reported_are_remembered() -> None:
    one = problem((0, 1))
    users = KnownUsers(one.context)
    seen = one.start().observation
    users.update(replace(seen, known=torch.zeros_like(seen.known)))
    assert not bool(users.weight.any())
    users.update(replace(seen, known=torch.arange(60).expand(2, -1) < 7))
    users.update(replace(seen, user_m=seen.user_m * 0, known=torch.arange(60).expand(2, -1) < 3))
    assert users.weight.sum(1).tolist() == [7.0, 7.0]
    assert not bool(users.place_m[:, :3].any()) and torch.equal(users.place_m[:, 3:7], seen.user_m[:, 3:7])
