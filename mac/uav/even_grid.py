"""Computes points that are evenly spread over the area."""

from __future__ import annotations

import math


def even_points(count: int, area_m: tuple[float, float]) -> list[tuple[float, float]]:
    """Computes the middles of equal cells of a grid, row by row.

    As many columns as make the cells nearly square; a last row that is not full is spread over the whole width.

    Args:
        count: how many.
        area_m: extent of the area in x and y.
    """
    x_m, y_m = area_m
    columns = min(count, max(1, round(math.sqrt(count * x_m / y_m))))
    rows = math.ceil(count / columns)
    points: list[tuple[float, float]] = []
    for row in range(rows):
        here = min(columns, count - row * columns)
        points += [((column + 0.5) * x_m / here, (row + 0.5) * y_m / rows) for column in range(here)]
    return points
