"""Computes dense packings of equal circles in a circle.

For M circles of radius r in a circle of radius 1 the centres lie within 1 - r of its middle, at least 2 r apart. The
optimal radii are known in closed form for 2 to 9 circles and for 11, 13 and 19, and the best known ones are listed by
Graham, Lubachevsky, Nurmela, Ostergard, "Dense packings of congruent circles in a circle", Discrete Math. 181, 1998.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_SOLVED = 19  # circles up to which the packing is solved for; beyond, a triangular lattice
_ITERATIONS = 300
_ASKEW = 0.1  # rad, turn between the rings of a start; a hundredth of it is their shift


@dataclass(frozen=True, eq=False)
class Packing:
    """Holds a packing in the circle of radius 1 around the origin."""

    centre: Array  # [circles, 2]
    radius: float


@cache
def pack_circles(circles: int) -> Packing:
    """Computes a packing.

    Up to 19 circles the radius is maximised from rings of points (SLSQP): the optimal or best known packing. Beyond,
    the middles are the points of a triangular lattice that are nearest to one of its points (ours), which is optimal
    for 7 and 19 and dense in the limit. A circle at the border lies at angle 0.

    Args:
        circles: their number, at least 1.
    """
    if circles == 1:
        return Packing(np.zeros((1, 2)), 1.0)
    if circles > MOST_SOLVED:
        return _lattice(circles)
    found = [_solve(start) for start in _starts(circles)]
    return _turned(max(found, key=lambda packing: round(packing.radius, 9)))


def _turned(packing: Packing) -> Packing:
    """Turns and mirrors a packing so that its centres do not depend on rounding errors of the solver.

    Of all ways to bring a circle of the border to angle 0 it takes the one whose sorted centres come last.
    """
    z = packing.centre @ np.array([1.0, 1.0j])
    border = z[np.abs(z) > np.abs(z).max() - 1e-7]
    ways = [one * np.exp(-1j * np.angle(first)) for one, firsts in ((z, border), (z.conj(), border.conj()))
            for first in firsts]  # fmt: skip
    ordered = [way[np.lexsort((way.imag.round(6), way.real.round(6)))] for way in ways]
    best = max(ordered, key=lambda way: tuple(np.stack((way.real, way.imag), -1).round(6).ravel()))
    return Packing(np.stack((best.real, best.imag), -1), packing.radius)


def _starts(circles: int) -> list[Array]:
    """Makes rings of points: two, and three of which the innermost is one point or none; not quite symmetric."""
    inner = range(circles // 2 + 1)
    two = [np.concatenate((_ring(circles - few, 0.75), _ring(few, 0.3, _ASKEW))) for few in inner]
    three = [
        np.concatenate((_ring(circles - few - one, 0.8), _ring(few, 0.45, _ASKEW), _ring(one, 0.15, 2.0 * _ASKEW)))
        for one in (0, 1)
        for few in inner
        if few + one < circles
    ]
    return two + three


def _ring(points: int, radius: float, askew: float = 0.0) -> Array:
    angle = askew + 2.0 * math.pi * np.arange(points) / max(points, 1)
    return radius * np.stack((np.cos(angle), np.sin(angle)), -1) + 0.01 * askew


def _solve(start: Array) -> Packing:
    """Computes the packing of greatest radius near to the start; the variables are all centres and then the radius."""
    from scipy.optimize import minimize  # here, as it takes half a second

    circles = len(start)
    one, other = np.triu_indices(circles, 1)
    pairs, own = np.arange(len(one)), np.arange(circles)

    def room(x: Array) -> Array:
        centre, radius = x[:-1].reshape(circles, 2), x[-1]
        apart = np.square(centre[one] - centre[other]).sum(1) - 4.0 * radius**2
        return np.concatenate((apart, (1.0 - radius) ** 2 - np.square(centre).sum(1)))

    def slope(x: Array) -> Array:
        centre, radius = x[:-1].reshape(circles, 2), x[-1]
        table = np.zeros((len(pairs) + circles, len(x)))
        for axis in (0, 1):
            table[pairs, 2 * one + axis] = 2.0 * (centre[one] - centre[other])[:, axis]
            table[pairs, 2 * other + axis] = -2.0 * (centre[one] - centre[other])[:, axis]
            table[len(pairs) + own, 2 * own + axis] = -2.0 * centre[:, axis]
        table[: len(pairs), -1], table[len(pairs) :, -1] = -8.0 * radius, -2.0 * (1.0 - radius)
        return table

    goal = np.append(np.zeros(2 * circles), -1.0)
    solved = minimize(lambda x: -x[-1], np.append(start.ravel(), 0.1), jac=lambda x: goal, method="SLSQP",
                      constraints=[{"type": "ineq", "fun": room, "jac": slope}],
                      options={"maxiter": _ITERATIONS, "ftol": 1e-13})  # fmt: skip
    return _fitted(solved.x[:-1].reshape(circles, 2))


def _fitted(centre: Array) -> Packing:
    """Makes the packing of these centres, scaled to fill the circle of radius 1."""
    one, other = np.triu_indices(len(centre), 1)
    radius = 0.5 * float(np.sqrt(np.square(centre[one] - centre[other]).sum(1).min()))
    scale = 1.0 / (radius + float(np.sqrt(np.square(centre).sum(1).max())))
    return Packing(centre * scale, radius * scale)


def _lattice(circles: int) -> Packing:
    reach = math.ceil(math.sqrt(circles)) + 2
    column, row = (grid.ravel() for grid in np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1)))
    point = np.stack((column + 0.5 * row, math.sqrt(0.75) * row), -1)
    order = np.lexsort((column, row, np.round(np.square(point).sum(1), 9)))
    return _fitted(point[order[:circles]])
