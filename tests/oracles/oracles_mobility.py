"""Slow loops for motion: one user, one instant, one image at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = Sequence[float]


def walk(legs: Sequence[tuple[float, Point, Point]], t_s: float, corner: Point, size: Point) -> list[float]:
    """Follow legs (start, origin, velocity) in time, then bounce off the sides of a rectangle one by one."""
    current = legs[0]
    for leg in legs:
        if leg[0] <= t_s:
            current = leg
    start, origin, velocity = current
    place = [x + v * (t_s - start) for x, v in zip(origin, velocity, strict=True)]
    for axis in (0, 1):
        low, high = corner[axis], corner[axis] + size[axis]
        while not low <= place[axis] <= high:
            place[axis] = 2 * low - place[axis] if place[axis] < low else 2 * high - place[axis]
    return place


def in_cluster(xy: Point, site: Sequence[Point], isd_m: float) -> bool:
    """Is a point in a hexagon around one of the sites, neighbours standing at 30 + 60 k degrees?"""
    for x, y in site:
        dx, dy = xy[0] - x, xy[1] - y
        reach = [dx * math.cos(math.radians(30 + 60 * k)) + dy * math.sin(math.radians(30 + 60 * k)) for k in range(6)]
        if max(reach) <= 0.5 * isd_m + 1e-6:
            return True
    return False


def brute_displacement(xy: Point, site: Sequence[Point], period: Sequence[Point]) -> list[float]:
    """Horizontal distance to the nearest image of each site, of many images."""
    nearest = []
    for x, y in site:
        best = math.inf
        for i in range(-9, 10):
            for j in range(-9, 10):
                dx = xy[0] - x - i * period[0][0] - j * period[1][0]
                dy = xy[1] - y - i * period[0][1] - j * period[1][1]
                best = min(best, math.hypot(dx, dy))
        nearest.append(best)
    return nearest
