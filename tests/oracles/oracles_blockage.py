"""Blockage in slow loops: one link, one screen, one event at a time, worded as TR 38.901 clause 7.6.4 does."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = Sequence[float]


def f(sign: float, detour_m: float, wavelength_m: float) -> float:
    """F of one edge."""
    return math.atan(sign * math.pi / 2 * math.sqrt(math.pi / wavelength_m * max(detour_m, 0.0))) / math.pi


def region_loss_db(
    off_deg: float, rise_deg: float, x_deg: float, y_deg: float, r_m: float, wavelength_m: float
) -> float:
    """Model A: a blocker of width x and height y at a distance r, seen ``off`` and ``rise`` degrees beside."""
    if not (abs(off_deg) < x_deg and abs(rise_deg) < y_deg):
        return 0.0
    total = []
    for away, size in ((off_deg, x_deg), (rise_deg, y_deg)):
        first, second = away - size / 2, away + size / 2  # A1 and A2 (Z1 and Z2)
        sign_1 = -1.0 if size / 2 < away <= size else 1.0  # Table 7.6.4.1-3
        sign_2 = -1.0 if -size < away <= -size / 2 else 1.0
        detours = [r_m * (1 / math.cos(math.radians(angle)) - 1) for angle in (first, second)]
        total.append(f(sign_1, detours[0], wavelength_m) + f(sign_2, detours[1], wavelength_m))
    return -20 * math.log10(1 - total[0] * total[1])


def screen_loss_db(user: Point, site: Point, middle: Point, width: float, height: float, wavelength_m: float) -> float:
    """Model B: an upright screen across the path, signs by which edge is nearer."""
    dx, dy = site[0] - user[0], site[1] - user[1]
    reach = math.hypot(dx, dy)
    along = ((middle[0] - user[0]) * dx + (middle[1] - user[1]) * dy) / reach
    across = (dx * (middle[1] - user[1]) - dy * (middle[0] - user[0])) / reach
    if along <= 0.0 or along >= reach:
        return 0.0
    line = user[2] + (site[2] - user[2]) * along / reach
    top = _pair([(along, across - width / 2), (along, across + width / 2)], (reach, 0.0), 0.0, wavelength_m)
    side = _pair(
        [(along, 0.0 - user[2]), (along, height - user[2])], (reach, site[2] - user[2]), line - user[2], wavelength_m
    )
    fade = min(along, 1.0) * min(reach - along, 1.0)
    return fade * min(60.0, -20 * math.log10(max(1 - top * side, 1e-30)))


def _pair(edges: list[tuple[float, float]], end: tuple[float, float], line: float, wavelength_m: float) -> float:
    """Both edges in a projection, the path from (0, 0) to ``end`` and passing the screen at ``line``."""
    direct = math.hypot(*end)
    covered = edges[0][1] < line < edges[1][1]
    near = 0 if abs(edges[0][1] - line) < abs(edges[1][1] - line) else 1
    total = 0.0
    for number, (along, level) in enumerate(edges):
        detour = math.hypot(along, level) + math.hypot(end[0] - along, end[1] - level) - direct
        total += f(-1.0 if not covered and number == near else 1.0, detour, wavelength_m)
    return total


def ramp(way: float, width: float) -> float:
    """Smooth step."""
    if width == 0.0:
        return 1.0 if way >= 0.0 else 0.0
    s = min(max(way / width, 0.0), 1.0)
    return 3 * s**2 - 2 * s**3


def depth_m(corners: Sequence[Point], point: Point) -> float:
    """Distance to the border of a polygon, negative outside (winding number)."""
    best, winding = math.inf, 0.0
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = math.dist(a, b)
        part = ((point[0] - a[0]) * (b[0] - a[0]) + (point[1] - a[1]) * (b[1] - a[1])) / length**2
        part = min(max(part, 0.0), 1.0)
        best = min(best, math.dist(point, (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))))
        turn = math.atan2(b[1] - point[1], b[0] - point[0]) - math.atan2(a[1] - point[1], a[0] - point[0])
        winding += (turn + math.pi) % (2 * math.pi) - math.pi
    return best if abs(winding) > math.pi else -best
