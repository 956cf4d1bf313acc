"""Circle packing: optimal and best known radii, packings that hold, points of the allocator."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from oracles_uav import problem
from uav_flights import states

from allocators.uav.circle_packing import CirclePacking
from allocators.uav.placement import packing
from allocators.uav.placement.packing import pack_circles
from phy.air_to_ground.coverage_circle import optimal_elevation_deg
from phy.air_to_ground.settings import AirToGroundSettings

OPTIMAL = {
    1: 1.0,
    2: 1 / 2,
    3: 1 / (1 + 2 / math.sqrt(3)),
    4: 1 / (1 + math.sqrt(2)),
    5: 1 / (1 + math.sqrt(2 * (1 + 1 / math.sqrt(5)))),
    6: 1 / 3,
    7: 1 / 3,
    8: 1 / (1 + 1 / math.sin(math.pi / 7)),
    9: 1 / (1 + 1 / math.sin(math.pi / 8)),
    11: 1 / (1 + 1 / math.sin(math.pi / 9)),
    13: 1 / (2 + math.sqrt(5)),
    19: 1 / (1 + math.sqrt(2) + math.sqrt(6)),
}
"""Closed forms of proved optima (Graham 1968, Melissen 1994, Fodor 1999 and 2003)."""
BEST_KNOWN = {10: 3.813, 12: 4.030, 14: 4.328, 15: 4.521, 16: 4.615, 17: 4.792, 18: 4.864}
"""Radius of the outer circle over that of the others, to three digits: Graham et al. 1998, Table 1."""


def test_the_values_asked_for() -> None:
    found = {circles: round(pack_circles(circles).radius, 4) for circles in (3, 4, 5, 7)}
    assert found == {3: 0.4641, 4: 0.4142, 5: 0.3702, 7: 0.3333}


@pytest.mark.parametrize(("circles", "radius"), OPTIMAL.items())
def test_optimal_radii(circles: int, radius: float) -> None:
    assert pack_circles(circles).radius == pytest.approx(radius, abs=1e-12)


@pytest.mark.parametrize(("circles", "ratio"), BEST_KNOWN.items())
def test_best_known_radii(circles: int, ratio: float) -> None:
    assert 1.0 / pack_circles(circles).radius == pytest.approx(ratio, abs=1e-3)


@pytest.mark.parametrize("circles", [*range(1, 24), 37, 50, 61, 200])
def test_circles_lie_inside_and_do_not_overlap(circles: int) -> None:
    found = pack_circles(circles)
    assert found.centre.shape == (circles, 2)
    assert all(math.hypot(x, y) + found.radius <= 1 + 1e-9 for x, y in found.centre)
    assert all(math.dist(p, q) >= 2 * found.radius - 1e-9 for p, q in combinations(found.centre.tolist(), 2))


def test_centres_do_not_depend_on_rounding_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts shifted by 1e-12 lead ten circles to packings that are turned by 1e-5 to each other, or mirrored."""
    first = pack_circles(10)
    shift = 1e-12 * np.random.default_rng(0).standard_normal((10, 2))
    starts = [start + shift for start in packing._starts(10)]
    monkeypatch.setattr(packing, "_starts", lambda circles: starts)
    assert pack_circles.__wrapped__(10).centre == pytest.approx(first.centre, abs=1e-12)


@pytest.mark.parametrize("rings", [3, 4, 7])
def test_lattice_of_whole_hexagons(rings: int) -> None:
    """A hexagon of side n has 3 n (n + 1) + 1 points and the radius 1 / (2 n + 1)."""
    assert pack_circles(3 * rings * (rings + 1) + 1).radius >= 1 / (2 * rings + 1) - 1e-12


def test_lattice_gets_dense() -> None:
    assert 1000 * pack_circles(1000).radius ** 2 > 0.84  # pi / sqrt(12) = 0.9069 in the limit


def test_uavs_hover_at_the_corners_of_a_square() -> None:
    """Four circles of radius 0.4142 R in R = 500 m: middles 414 m apart, 292.9 m from the middle."""
    one = problem(area__max_height_m=300.0, area__x_m=1400.0)
    last = states(one, CirclePacking(), 60)[-1].motion.position_m
    away = torch.hypot(last[..., 0] - 700.0, last[..., 1] - 500.0)
    assert away == pytest.approx(torch.full_like(away, 500 * (1 - OPTIMAL[4])), abs=1.0)
    apart = torch.cdist(last[0, :, :2], last[0, :, :2]) + 1e9 * torch.eye(4)
    assert float(apart.min()) == pytest.approx(1000 * OPTIMAL[4], abs=2.0)
    degrees = optimal_elevation_deg(AirToGroundSettings(environment="urban"))
    height = 1.5 + 500 * OPTIMAL[4] * math.tan(math.radians(degrees))
    assert height == pytest.approx(190.9, abs=0.1)  # 42.44 degrees
    assert last[..., 2] == pytest.approx(torch.full_like(away, height), abs=1.0)


def test_a_disc_beyond_the_area_is_cut_to_it() -> None:
    last = states(problem(), CirclePacking(disc_radius_m=2000.0), 60)[-1].motion.position_m
    assert bool(((last[..., :2] >= 0) & (last[..., :2] <= 1000)).all())
    assert bool(((last[..., :2] < 5) | (last[..., :2] > 995)).any())
