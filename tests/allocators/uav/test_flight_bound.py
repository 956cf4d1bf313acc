"""The bound of what one UAV delivers: all paths of a tiny grid, closed forms, no allocator above it."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from oracles_uav import efficiency, points, problem, snr
from uav_flights import served_bits

from allocators.registry import available, resolve
from allocators.uav.flight_bound import cell_bits, flight_bound
from allocators.uav.kmeans_placement import KMeansPlacement
from mac.uav.problem import UavProblem
from phy.random import Drops

PLACES = [(80.0, 60.0), (330.0, 90.0), (300.0, 340.0), (110.0, 320.0), (350.0, 300.0)]


def small(places: list[tuple[float, float]] = PLACES, seconds: int = 30, **changes: Any) -> UavProblem:
    """One UAV at 60 m over 400 x 400 m."""
    fixed = {"area__x_m": 400.0, "area__y_m": 400.0, "area__min_height_m": 60.0, "area__max_height_m": 60.0,
             "uavs__count": 1, "uavs__start_height_m": 60.0, "duration_s": seconds}  # fmt: skip
    return problem((0, 1), users=points(*places), **{**fixed, **changes})


def bound(one: UavProblem, step_m: float, weight: torch.Tensor | None = None) -> list[float]:
    state = one.start()
    found = flight_bound(one.context, state.motion.position_m, state.user_m, step_m, weight)
    assert found.shape == (2,)
    return [float(value) for value in found]


def bits_at(one: UavProblem, x: float, y: float, weights: list[float], places: list[tuple[float, float]]) -> float:
    """The best weighted bits of an interval with the UAV at a point, by the plain loops of the oracle."""
    context = one.context
    found = []
    for weight, user in zip(weights, places, strict=True):
        level = math.hypot(x - user[0], y - user[1])
        above = ((level, 0.0, context.height_m[0]), (0.0, 0.0))
        found.append(weight * efficiency(context, *above, snr(context, *above)) * 10e6)
    return max(found)


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.2, 0.5, 0.3]])
def test_against_all_paths_of_a_tiny_grid(weights: list[float]) -> None:
    """Four by four cells of 100 m, four intervals, 45 m an interval: to a neighbour at most, of edge or corner."""
    places = [(20.0, 30.0), (350.0, 380.0), (390.0, 10.0)]
    one = small(places, 4, channel__fading="none", uavs__speed_mps=45.0, uavs__start_m=[[150.0, 250.0, 60.0]])
    cells = list(product(range(4), range(4)))

    def nearest(cell: tuple[int, int], user: tuple[float, float]) -> tuple[float, float]:
        x, y = (min(max(user[a], 100.0 * cell[a]), 100.0 * cell[a] + 100.0) for a in (0, 1))
        return x, y

    value = {
        cell: max(bits_at(one, *nearest(cell, user), [w], [user]) for w, user in zip(weights, places, strict=True))
        for cell in cells
    }
    table = cell_bits(
        one.context, torch.tensor(places, dtype=torch.float64), 100.0, torch.tensor(weights, dtype=torch.float64)
    )
    assert table == pytest.approx(np.array([[value[(i, j)] for j in range(4)] for i in range(4)]), rel=1e-9)

    def near(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= 1

    def reached(cell: tuple[int, int], seconds: int) -> bool:
        gaps = (max(100.0 * cell[k] - at, at - 100.0 * cell[k] - 100.0, 0.0) for k, at in ((0, 150.0), (1, 250.0)))
        return math.hypot(*gaps) <= 45.0 * seconds

    start = bits_at(one, 150.0, 250.0, weights, places)
    paths = (p for p in product(cells, repeat=3)
             if near(p[0], p[1]) and near(p[1], p[2]) and all(reached(p[t], t + 1) for t in range(3)))  # fmt: skip
    best = start + max(sum(value[cell] for cell in path) for path in paths)
    assert bound(one, 100.0, torch.tensor(weights, dtype=torch.float64)) == pytest.approx([best, best], rel=1e-9)


def test_one_user_straight_on() -> None:
    """As cells get smaller the bound falls to the bits of a flight straight to the user at the greatest speed."""
    one = small([(350.0, 200.0)], 20, channel__fading="none", uavs__start_m=[[50.0, 200.0, 60.0]])
    straight = sum(bits_at(one, min(50.0 + 20.0 * t, 350.0), 200.0, [1.0], [(350.0, 200.0)]) for t in range(20))
    found = [bound(one, step)[0] for step in (40.0, 20.0, 10.0, 5.0)]
    assert all(finer <= coarser * (1 + 1e-12) for coarser, finer in pairwise(found))
    assert straight <= found[-1] <= straight * 1.01


@pytest.mark.parametrize("name", available("uav"))
@pytest.mark.parametrize("fading", ["none", "average"])
def test_no_allocator_exceeds_it(name: str, fading: str) -> None:
    one = small(channel__fading=fading)
    allocator = resolve(name, "uav")
    bits = served_bits(one, allocator, 30)
    for weight in (None, torch.tensor([0.1, 0.4, 0.2, 0.2, 0.1], dtype=torch.float64)):
        mine = (bits if weight is None else bits * weight).sum(1)
        assert bool((mine <= torch.tensor(bound(one, 10.0, weight))).all())
        if weight is not None:
            assert bool((bits.amin(1) <= mine * (1 + 1e-12)).all())  # what makes it a bound of the least bits


def test_it_is_tight_where_one_user_counts() -> None:
    """Only the first user has weight; a UAV that serves it alone gets to it at full speed, within 10 % of the bound."""
    one = small([PLACES[0]], 30)
    mine = served_bits(one, KMeansPlacement(), 30)[:, 0]
    top = torch.tensor(bound(one, 5.0))
    assert bool((mine <= top).all()) and bool((mine > 0.9 * top).all())


def test_cells_within_a_no_fly_zone_are_left_out() -> None:
    one = small([(200.0, 200.0)], 30, channel__fading="none", area__no_fly_m=[[150.0, 150.0, 250.0, 250.0]],
                uavs__start_m=[[100.0, 200.0, 60.0]])  # fmt: skip
    free = small([(200.0, 200.0)], 30, channel__fading="none", uavs__start_m=[[100.0, 200.0, 60.0]])
    border = sum(bits_at(one, min(100.0 + 20.0 * t, 150.0), 200.0, [1.0], [(200.0, 200.0)]) for t in range(30))
    assert border <= bound(one, 10.0)[0] <= border * 1.03 < bound(free, 10.0)[0]


@pytest.mark.parametrize(("changes", "step_m", "message"), [
    ({"uavs__count": 2}, 10.0, r"one UAV, and the run has 2 \(uavs.count\)"),
    ({"area__max_height_m": 90.0}, 10.0, "fixed height, and UAVs may fly at 60 to 90 m"),
    ({"channel__fading": "sampled"}, 10.0, "set channel.fading to 'average' or 'none'"),
    ({"channel__shadowing_nlos_db": 6.0}, 10.0, "links without shadowing"),
    ({}, 0.1, "step_m 0.1 makes 16000000"),
])  # fmt: skip
def test_what_it_is_not_for_is_refused(changes: dict[str, Any], step_m: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bound(small(**changes), step_m)


def test_drops_are_those_of_the_problem() -> None:
    assert small().drops == Drops(1, (0, 1))
