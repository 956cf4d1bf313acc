"""Clusters of users and which UAV flies where, against enumeration."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations, product

import pytest
import torch
from oracles_uav import points, problem
from torch import Tensor
from uav_flights import place, states

from allocators.uav.capacitated_kmeans import CapacitatedKMeans, bounded_labels
from allocators.uav.kmeans_placement import KMeansPlacement
from allocators.uav.placement.matching import match_points
from allocators.uav.placement.user_clusters import best_clusters, draw_starts, kmeans, means, squared_m2
from phy.random import Drops, uniform

KEYS = Drops(7, (0, 1, 2, 3)).keys("test")


def users(count: int) -> tuple[Tensor, Tensor]:
    """Places and weights of users in four drops; some do not count."""
    weight = (uniform(KEYS, (count,), 1000) < 0.8).to(torch.float64)
    weight[:, :3] = 1.0
    return uniform(KEYS, (count, 2)) * 1000, weight


def inertia(user_m: Tensor, weight: Tensor, label: tuple[int, ...], clusters: int) -> float:
    """Weighted squared distances from the means, in plain loops."""
    total = 0.0
    for cluster in range(clusters):
        mine = [u for u in range(len(label)) if label[u] == cluster and weight[u] > 0]
        if not mine:
            continue
        x, y = (sum(float(user_m[u, axis]) for u in mine) / len(mine) for axis in (0, 1))
        total += sum((float(user_m[u, 0]) - x) ** 2 + (float(user_m[u, 1]) - y) ** 2 for u in mine)
    return total


def test_best_of_many_starts_is_the_optimum() -> None:
    user_m, weight = users(8)
    starts = torch.cat([
        draw_starts(user_m, weight, uniform(KEYS, (3,), 50 + 3 * n))[:, None] for n in range(20)
    ], 1)  # fmt: skip
    found = best_clusters(user_m, weight, starts, torch.full((4, 1), 3), 50)
    for drop in range(4):
        least = min(inertia(user_m[drop], weight[drop], label, 3) for label in product(range(3), repeat=8))
        assert float(found.inertia[drop]) == pytest.approx(least, rel=1e-12)
        assert inertia(user_m[drop], weight[drop], tuple(found.label[drop].tolist()), 3) == pytest.approx(least)


def test_no_turn_makes_the_clusters_worse() -> None:
    user_m, weight = users(40)
    start = uniform(KEYS, (5, 2), 3000) * 1000
    count = torch.full((4, 1), 5)
    values = torch.stack([kmeans(user_m, weight, start, count, turns).inertia for turns in range(1, 12)])
    assert bool((values.diff(dim=0) <= 1e-6).all()) and bool((values[0] > values[-1]).all())


def test_clusters_beyond_the_count_stay_empty() -> None:
    user_m, weight = users(20)
    count = torch.tensor([[1], [2], [3], [0]])
    found = kmeans(user_m, weight, uniform(KEYS, (3, 2), 90) * 1000, count, 20)
    assert found.label.amax(1).tolist() <= [0, 1, 2, 0]
    assert torch.equal(found.centre_m[0, 1:], (uniform(KEYS, (3, 2), 90) * 1000)[0, 1:])
    whole = (user_m[0] * weight[0, :, None]).sum(0) / weight[0].sum()
    assert found.centre_m[0, 0] == pytest.approx(whole, rel=1e-12)


def test_starts_are_users_that_count_and_differ() -> None:
    user_m, weight = users(30)
    drawn = draw_starts(user_m, weight, uniform(KEYS, (10,), 700))
    for drop in range(4):
        own = {tuple(p) for p, w in zip(user_m[drop].tolist(), weight[drop].tolist(), strict=True) if w > 0}
        chosen = {tuple(p) for p in drawn[drop].tolist()}
        assert chosen <= own and len(chosen) == 10


@pytest.mark.parametrize("most", [None, 1, 2, 3, 6])
def test_bounded_clusters_against_all_assignments(most: int | None) -> None:
    user_m, weight = users(6)
    centre = uniform(KEYS, (3, 2), 40) * 1000
    cost = squared_m2(centre, user_m)
    found = bounded_labels(cost, weight > 0, torch.full((4, 1), 3), most)
    for drop in range(4):
        known = [u for u in range(6) if weight[drop, u] > 0]
        limit = math.ceil(len(known) / 3) if most is None else most
        assigned = min(len(known), 3 * limit)
        least = min(
            sum(float(cost[drop, c, u]) for c, u in zip(choice, known, strict=True) if c >= 0)
            for choice in product(range(-1, 3), repeat=len(known))
            if sum(c >= 0 for c in choice) == assigned and all(choice.count(c) <= limit for c in range(3))
        )
        mine = [(int(found[drop, u]), u) for u in range(6) if found[drop, u] >= 0]
        assert len(mine) == assigned and {u for _, u in mine} <= set(known)
        assert sum(float(cost[drop, c, u]) for c, u in mine) == pytest.approx(least, rel=1e-12)


def test_means_keep_the_centre_of_a_cluster_without_users() -> None:
    user_m, weight = users(5)
    old = torch.full((4, 2, 2), 7.0, dtype=torch.float64)
    found = means(torch.zeros((4, 5), dtype=torch.int64), user_m, weight, old)
    assert torch.equal(found[:, 1], old[:, 1]) and not torch.equal(found[:, 0], old[:, 0])


def test_uavs_share_the_points_by_the_least_way() -> None:
    uav_m, point_m = uniform(KEYS, (5, 3)) * 1000, uniform(KEYS, (5, 2), 60) * 1000
    active = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1]]) > 0
    filled = torch.arange(5) < active.sum(1, keepdim=True)
    found = match_points(uav_m, point_m, active, filled)
    for drop in range(4):
        flying, wanted = active[drop].nonzero()[:, 0].tolist(), filled[drop].nonzero()[:, 0].tolist()
        spare = [v for v in range(5) if v not in flying], [p for p in range(5) if p not in wanted]
        least = min(
            sum(
                math.dist(uav_m[drop, v, :2], point_m[drop, p])
                for v, p in zip(flying + spare[0], one + other, strict=True)
            )
            for one in map(list, permutations(wanted))
            for other in map(list, permutations(spare[1]))
        )
        mine = [math.dist(uav_m[drop, v, :2], found[drop, v]) for v in range(5)]
        assert sum(mine) == pytest.approx(least, rel=1e-12)
        reached = {tuple(found[drop, v].tolist()) for v in flying}
        assert reached == {tuple(point_m[drop, p].tolist()) for p in wanted}


TWO_GROUPS = [(100, 100), (140, 100), (120, 160), (900, 800), (860, 900), (940, 820), (900, 880), (880, 850)]


@pytest.mark.parametrize("allocator", [KMeansPlacement(), CapacitatedKMeans(capacity=5)])
def test_two_uavs_hover_over_two_groups(allocator: object) -> None:
    one = problem(users=points(*TWO_GROUPS), uavs__count=2)
    last = place(states(one, allocator, 80)[-1])
    for drop in range(2):
        found = sorted(last[drop].tolist())
        assert found[0] == pytest.approx([120, 120], abs=0.5) and found[1] == pytest.approx([896, 850], abs=0.5)


def test_equal_clusters_move_the_border() -> None:
    """Eight users, two UAVs, four each: one of the five users of the larger group goes with the three others."""
    one = problem(users=points(*TWO_GROUPS), uavs__count=2)
    last = place(states(one, CapacitatedKMeans(), 80)[-1])
    joins = min(TWO_GROUPS[3:], key=lambda p: math.dist(p, (120, 120)) ** 2 - math.dist(p, (900, 860)) ** 2)
    middle = [sum(p[axis] for p in [*TWO_GROUPS[:3], joins]) / 4 for axis in (0, 1)]
    assert sorted(last[0].tolist())[0] == pytest.approx(middle, abs=0.5)


def test_uavs_out_of_service_leave_their_users_to_others() -> None:
    one = problem(users=points(*TWO_GROUPS), uavs__count=2)
    allocator = KMeansPlacement()
    allocator.reset(one.context, 0)
    state = one.start()
    seen = state.observation
    active = torch.tensor([[False, True], [True, True]])
    allocator.decide(replace(seen, active=active))
    target = allocator._points.target_m[0, 1, :2]
    whole = torch.tensor(TWO_GROUPS, dtype=torch.float64).mean(0)
    assert target == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("allocator", [KMeansPlacement(), CapacitatedKMeans()])
def test_without_known_users_uavs_stay_on_the_even_grid(allocator: object) -> None:
    one = problem(sensing__positions="heard", sensing__heard_snr_db=90)
    flown = states(one, allocator, 10)
    assert place(flown[-1]) == pytest.approx(place(flown[0]), abs=1e-6)
