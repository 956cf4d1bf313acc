"""Alternating optimisation: the lower bound, gradients, monotony, optima of small cases by grid search."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from oracles_uav import points, problem
from torch import Tensor
from uav_flights import place, served_bits, states

from allocators.uav.alternating import Alternating, associate_way
from allocators.uav.kmeans_placement import KMeansPlacement
from allocators.uav.placement import waypoints
from allocators.uav.placement.waypoints import Mission, climb_utility, measure_way, utility, within_reach
from mac.uav.problem import UavProblem
from mac.uav.radio import measure_mean_links, spectral_efficiency

DROPS = (0, 1, 2)


def mission(one: UavProblem, leg_m: float = 200.0) -> Mission:
    state = one.start()
    users = state.user_m.to(torch.float64)
    weight = torch.ones(users.shape[:2], dtype=torch.float64)
    start = state.motion.position_m[..., :2].to(torch.float64)
    active = torch.ones(start.shape[:2], dtype=torch.bool)
    return Mission(one.context, users, weight, torch.ones_like(weight), start, active, 100.0, leg_m)


def random_way(given: Mission, number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    shape = (len(given.start_m), 3, given.context.uavs, 2)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 1000


def test_signals_are_those_of_the_family() -> None:
    given = mission(problem(DROPS))
    way = random_way(given, 0)
    found = measure_way(given, way)
    for number in range(3):
        uav = torch.nn.functional.pad(way[:, number], (0, 1), value=100.0)
        air = measure_mean_links(given.context, uav, given.user_m)
        sinr = air.snr / (air.snr.sum(1, keepdim=True) - air.snr + 1.0)
        assert found.snr[:, number] == pytest.approx(air.snr, rel=1e-12)
        expected = spectral_efficiency(given.context.channel, air.elevation_rad, sinr)
        assert found.efficiency[:, number] == pytest.approx(expected, rel=1e-9)


def test_the_concave_function_touches_the_utility_with_the_same_slope() -> None:
    """Without fading the gradient of the utility, by difference quotients, is that of the concave function."""
    given = mission(
        problem(DROPS, channel__fading="none", users=points((300, 300), (600, 420), (500, 700), (820, 640)))
    )
    way = random_way(given, 5)
    serving = associate_way(given, way)
    assert int(serving.max()) > 0
    signals = measure_way(given, way)
    aim = waypoints._maximum(given, signals, way, serving)
    slope = waypoints._slope(given, signals)
    rate = waypoints.mean_rate(given, signals, serving)
    for drop, number, uav, axis in [(0, 0, 0, 0), (0, 2, 1, 1), (1, 1, 3, 0), (2, 0, 2, 1), (1, 2, 0, 1)]:
        mine = serving[drop] == uav
        if not bool(mine.any()):
            continue
        step = torch.zeros_like(way)
        step[drop, number, uav, axis] = 1e-3
        up, down = (utility(given, measure_way(given, way + sign * step), serving)[drop] for sign in (1, -1))
        load = torch.stack([(serving[drop] == serving[drop, u]).sum() for u in range(4)])
        received = signals.snr[drop, number].sum(0) + 1.0
        curve = (1.0 / (rate[drop] * load * 3 * math.log(2)) / received * -slope[drop, number, uav])[mine].sum()
        gradient = 2.0 * curve * (aim - way)[drop, number, uav, axis]
        assert float(gradient) == pytest.approx(float((up - down) / 2e-3), rel=2e-3, abs=1e-9)


def test_the_tangent_lies_below_the_rate_in_free_space() -> None:
    """log2(1 + S / (H^2 + s)) over the tangent in s, at random distances: the bound of Wu, Zeng and Zhang."""
    given = mission(problem(DROPS, channel__environment="free_space", channel__fading="none", uavs__count=1))
    here, there = measure_way(given, random_way(given, 1)), measure_way(given, random_way(given, 2))
    slope = waypoints._slope(given, here) / (math.log(2) * (1.0 + here.snr))
    bound = here.efficiency + slope * (there.squared_m2 - here.squared_m2)
    assert bool((bound <= there.efficiency + 1e-6).all()) and bool((bound < there.efficiency - 0.1).any())


def test_no_step_makes_it_worse_and_waypoints_stay_within_reach() -> None:
    given = mission(problem(DROPS), leg_m=150.0)
    way = within_reach(given, random_way(given, 3))
    values = []
    for _ in range(4):
        serving = associate_way(given, way)
        values.append(utility(given, measure_way(given, way), serving))
        for _ in range(4):
            before = utility(given, measure_way(given, way), serving)
            way, value = climb_utility(given, way, serving)
            assert bool((value >= before).all())
            values.append(value)
            legs = torch.cat((given.start_m[:, None], way), 1).diff(dim=1).square().sum(-1).sqrt()
            assert float(legs.max()) <= 150.0 * (1 + 1e-12)
            assert bool(((way >= 0) & (way <= 1000)).all())
    rising = torch.stack(values).diff(dim=0)
    assert bool((rising >= -1e-9).all()) and bool((values[-1] > values[0] + 1.0).all())


def lone(places: list[tuple[float, float]], **changes: Any) -> UavProblem:
    return problem((0,), users=points(*places), uavs__count=1, area__min_height_m=100.0, area__max_height_m=100.0,
                   **changes)  # fmt: skip


def sum_of_logs(one: UavProblem, x: Tensor, y: Tensor) -> Tensor:
    """The sum of log rates with the UAV at each of many points, from the family's channel."""
    uav = torch.stack((x, y, torch.full_like(x, 100.0)), -1)[:, None]
    air = measure_mean_links(one.context, uav, one.start().user_m.expand(len(x), -1, -1))
    return spectral_efficiency(one.context.channel, air.elevation_rad[:, 0], air.snr[:, 0]).log().sum(1)


@pytest.mark.parametrize("environment", ["free_space", "urban", "dense_urban"])
@pytest.mark.parametrize("places", [
    [(430.0, 500.0), (570.0, 500.0)],
    [(150.0, 400.0), (850.0, 600.0)],
    [(200.0, 200.0), (250.0, 700.0), (800.0, 300.0), (820.0, 340.0), (700.0, 350.0)],
])  # fmt: skip
def test_one_uav_gets_near_the_best_point_of_a_grid(environment: str, places: list[tuple[float, float]]) -> None:
    one = lone(places, channel__environment=environment)
    grid = torch.arange(0.0, 1000.0, 5.0, dtype=torch.float64)
    x, y = (axis.reshape(-1) for axis in torch.meshgrid(grid, grid, indexing="ij"))
    values = sum_of_logs(one, x, y)
    found = place(states(one, Alternating(waypoints=1, steps=40), 90)[-1])[0].to(torch.float64)
    mine = float(sum_of_logs(one, found[:, 0], found[:, 1]))
    assert mine >= float(values.max()) - 0.02 * len(places)  # 2 % of each rate; the start is 6 % or more below
    centre = torch.tensor([500.0], dtype=torch.float64)
    assert len(places) == 2 or float(sum_of_logs(one, centre, centre)) < mine - 0.06


def test_a_trajectory_beats_every_place_for_two_users_far_apart() -> None:
    """Turn and turn about with each user: the mean over 240 s after the first minute, against the best point."""
    one = lone([(150.0, 400.0), (850.0, 600.0)])
    grid = torch.arange(0.0, 1000.0, 5.0, dtype=torch.float64)
    x, y = (axis.reshape(-1) for axis in torch.meshgrid(grid, grid, indexing="ij"))
    bits = served_bits(one, Alternating(), 300) - served_bits(one, Alternating(), 60)
    mine = float((bits / (240 * 10e6 / 2)).log().sum())
    assert mine > float(sum_of_logs(one, x, y).max()) + 0.1


def test_plans_are_flown_in_time() -> None:
    one = problem((0, 1))
    allocator = Alternating()
    flown = states(one, allocator, 60)
    allocator.reset(one.context, 3)
    allocator.decide(one.observe(flown[0]))
    assert allocator._way is not None
    late = 20.0**2 / (2 * 5.0)  # m, what accelerating from rest costs; the plan has none
    assert place(flown[10]) == pytest.approx(allocator._way[:, 0], abs=late)
    assert place(flown[30]) == pytest.approx(allocator._way[:, 2], abs=5.0)


def test_it_beats_kmeans_in_the_sum_of_logarithms() -> None:
    one = problem((0, 1, 2, 3), torch.float32)
    mine, plain = (
        served_bits(one, which, 120).clamp(min=1.0).log().sum(1) for which in (Alternating(), KMeansPlacement())
    )
    assert bool((mine > plain).all())


def test_users_that_are_not_known_do_not_count() -> None:
    given = mission(problem(DROPS))
    less = replace(given, weight=given.weight * (torch.arange(60) < 30))
    cut = replace(given, user_m=given.user_m[:, :30], weight=given.weight[:, :30], noise_rise=given.noise_rise[:, :30])
    way = random_way(given, 8)
    serving = associate_way(less, way)
    assert bool((serving[:, 30:] == -1).all())
    found, value = climb_utility(less, way, serving)
    other, same = climb_utility(cut, way, serving[:, :30])
    assert found == pytest.approx(other, abs=1e-6) and value == pytest.approx(same, rel=1e-9)
