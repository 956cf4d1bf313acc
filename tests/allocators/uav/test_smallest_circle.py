"""The smallest enclosing circle: exact, and the place of the greatest least rate of one UAV."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_uav import points, problem
from torch import Tensor
from uav_flights import place, states

from allocators.uav.placement.enclosing_circle import enclosing_circle
from allocators.uav.smallest_circle import SmallestCircle
from mac.uav import UavContext
from mac.uav.radio import measure_mean_links, spectral_efficiency

Point = tuple[float, float]


def brute_force(places: list[Point]) -> tuple[float, Point]:
    """The smallest circle through two or three points that holds all of them, by trying all."""
    circles = [(0.0, places[0])]
    for p, q in combinations(places, 2):
        circles.append((math.dist(p, q) / 2, ((p[0] + q[0]) / 2, (p[1] + q[1]) / 2)))
    for (ax, ay), (bx, by), (cx, cy) in combinations(places, 3):
        d = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
        if abs(d) < 1e-9:
            continue
        a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
        centre = (
            (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / d,
            (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / d,
        )
        circles.append((math.dist(centre, (ax, ay)), centre))
    return min((r, c) for r, c in circles if all(math.dist(c, p) <= r + 1e-7 for p in places))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=8))
def test_against_all_circles(places: list[tuple[int, int]]) -> None:
    """On a small lattice many points coincide, lie on lines or on one circle."""
    points_m = torch.tensor(places, dtype=torch.float64)[None]
    centre, radius = enclosing_circle(points_m, torch.ones((1, len(places)), dtype=torch.bool))
    expected, middle = brute_force([(float(x), float(y)) for x, y in places])
    assert float(radius) == pytest.approx(expected, abs=1e-6)
    assert centre[0].tolist() == pytest.approx(middle, abs=1e-5)


def test_many_sets_at_once_and_members_alone_count() -> None:
    generator = torch.Generator().manual_seed(3)
    points_m = torch.rand((50, 12, 2), generator=generator, dtype=torch.float64) * 1000
    member = torch.rand((50, 12), generator=generator) < 0.6
    centre, radius = enclosing_circle(points_m, member)
    for one in range(50):
        mine = [tuple(p) for p in points_m[one][member[one]].tolist()]
        expected, middle = brute_force(mine)
        assert float(radius[one]) == pytest.approx(expected, rel=1e-9)
        assert centre[one].tolist() == pytest.approx(middle, rel=1e-7)
    assert not bool(enclosing_circle(points_m, torch.zeros_like(member))[1].any())


def efficiencies(context: UavContext, x: Tensor, y: Tensor, places: list[Point]) -> Tensor:
    """Spectral efficiency of users with one UAV at each of many points, ``[points, U]``."""
    uav = torch.stack((x, y, torch.full_like(x, context.height_m[0])), -1)[:, None]
    user = torch.tensor(places, dtype=torch.float64).expand(len(x), -1, -1)
    air = measure_mean_links(context, uav, user)
    return spectral_efficiency(context.channel, air.elevation_rad[:, 0], air.snr[:, 0])


def lone(places: list[Point], **changes: Any) -> Any:
    """One UAV at 100 m."""
    return problem((0,), users=points(*places), uavs__count=1, area__min_height_m=100.0, area__max_height_m=100.0,
                   **changes)  # fmt: skip


@pytest.mark.parametrize("environment", ["free_space", "urban", "high_rise"])
def test_the_centre_maximises_the_least_rate_of_one_uav(environment: str) -> None:
    places = [(120.0, 300.0), (700.0, 150.0), (640.0, 800.0), (300.0, 420.0), (500.0, 500.0)]
    one = lone(places, channel__environment=environment)
    found = place(states(one, SmallestCircle(), 60)[-1])[0, 0]
    assert found.tolist() == pytest.approx(brute_force(places)[1], abs=0.5)
    grid = torch.arange(0.0, 1000.0, 4.0, dtype=torch.float64)
    x, y = (axis.reshape(-1) for axis in torch.meshgrid(grid, grid, indexing="ij"))
    least = efficiencies(one.context, x, y, places).amin(1)
    best = least.argmax()
    assert math.hypot(float(x[best] - found[0]), float(y[best] - found[1])) < 8.0
    mine = efficiencies(one.context, found[:1], found[1:], places).min()
    assert float(mine) >= float(least[best]) - 0.011  # the table of the mean rate has steps of 0.01 bit/s/Hz


def border(height: float, snr: float) -> float:
    """The distance a* up to which the middle of two users has the greatest sum rate, ours.

    With D = H^2 + a^2 and E = D + S the second derivative of log(1 + S / (H^2 + s^2)) at s = a vanishes where
    D E = 2 a^2 (D + E), a quadratic equation in a^2.
    """
    h2 = height * height
    b = 2 * h2 + snr
    return math.sqrt((math.sqrt(b * b + 12 * h2 * (h2 + snr)) - b) / 6)


def test_border_has_the_limits_asked_for() -> None:
    assert border(100.0, 1e-6) == pytest.approx(100.0 / math.sqrt(3), rel=1e-6)
    assert border(100.0, 1e14) == pytest.approx(100.0, rel=1e-6)


@pytest.mark.parametrize("power_dbm", [-29.0, 0.0, 30.0, 60.0])
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_two_users_share_the_middle_up_to_the_border(power_dbm: float, factor: float) -> None:
    """The sum rate of the family over a line of 2001 points, in free space and without fading, at low and high SNR."""
    changes = {"channel__environment": "free_space", "channel__fading": "none", "radio__power_dbm": power_dbm,
               "radio__noise_dbm_per_hz": -110.0}  # fmt: skip
    start = lone([(500.0, 500.0)], **changes)
    height = 100.0 - start.context.user_height_m
    snr = float(start.start().snr[0, 0, 0]) * (
        height**2 + 0.0
    )  # UAVs start above the middle: S over the squared height
    a = factor * border(height, snr)
    one = lone([(500.0 - a, 500.0), (500.0 + a, 500.0)], **changes)
    x = torch.linspace(400.0, 600.0, 2001, dtype=torch.float64)
    best = x[
        efficiencies(one.context, x, torch.full_like(x, 500.0), [(500.0 - a, 500.0), (500.0 + a, 500.0)])
        .sum(1)
        .argmax()
    ]
    assert (abs(float(best) - 500.0) < 0.15) == (factor < 1)


def test_several_uavs_leave_no_circle_that_can_shrink() -> None:
    one = problem(users=points((100, 100), (300, 100), (200, 250), (800, 800), (900, 700), (950, 900)), uavs__count=2)
    last = sorted(place(states(one, SmallestCircle(), 80)[-1])[0].tolist())
    assert last[0] == pytest.approx(brute_force([(100, 100), (300, 100), (200, 250)])[1], abs=0.5)
    assert last[1] == pytest.approx(brute_force([(800, 800), (900, 700), (950, 900)])[1], abs=0.5)
