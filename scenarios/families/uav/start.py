"""Computes where UAVs start, and refuses places where none may be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mac.uav.even_grid import even_points
from mac.uav.settings import FlightArea, UavFleet
from phy.random import Drops, uniform

_TRIES = 64  # draws of a random start


def start_positions(fleet: UavFleet, area: FlightArea, drops: Drops) -> Tensor:
    """Computes the start of each UAV, float64 ``[B, V, 3]``.

    Raises:
        ValueError: no random start outside of the no-fly zones was found.
    """
    if fleet.start == "random" and fleet.start_m is None:
        return _random(fleet, area, drops)
    return torch.tensor(_given(fleet, area), dtype=torch.float64).expand(len(drops), -1, -1)


def require_start(fleet: UavFleet, area: FlightArea) -> None:
    """Refuses starts below ground, outside of the area or its heights, or in a no-fly zone.

    Raises:
        ValueError: the UAV, its start, and what is allowed.
    """
    if fleet.start_m is not None and len(fleet.start_m) != fleet.count:
        raise ValueError(
            f"uavs.start_m has {len(fleet.start_m)} positions for uavs.count {fleet.count}; write one each"
        )
    if fleet.start_height_m is not None and not area.min_height_m <= fleet.start_height_m <= area.max_height_m:
        raise ValueError(
            f"uavs.start_height_m is {fleet.start_height_m:g}, but UAVs fly at {area.min_height_m:g} to "
            f"{area.max_height_m:g} m (area.min_height_m, area.max_height_m)"
        )
    if fleet.start == "random" and fleet.start_m is None:
        return
    for number, place in enumerate(_given(fleet, area)):
        _require_place(number, place, area)


def _require_place(number: int, place: tuple[float, float, float], area: FlightArea) -> None:
    x, y, z = place
    where = f"UAV {number} starts at [{x:g}, {y:g}, {z:g}]"
    if z <= 0:
        raise ValueError(f"uavs.start_m: {where}, below ground; heights are {area.min_height_m:g} to "
                         f"{area.max_height_m:g} m (area.min_height_m, area.max_height_m)")  # fmt: skip
    if not area.min_height_m <= z <= area.max_height_m:
        raise ValueError(f"uavs.start_m: {where}, but UAVs fly at {area.min_height_m:g} to {area.max_height_m:g} m "
                         "(area.min_height_m, area.max_height_m)")  # fmt: skip
    if not (0 <= x <= area.x_m and 0 <= y <= area.y_m):
        raise ValueError(f"uavs.start_m: {where}, outside of the area of {area.x_m:g} x {area.y_m:g} m "
                         "(area.x_m, area.y_m)")  # fmt: skip
    for zone in area.no_fly_m:
        if zone[0] < x < zone[2] and zone[1] < y < zone[3]:
            raise ValueError(f"{where}, inside the no-fly zone {list(zone)} (area.no_fly_m); give it another start "
                             "by uavs.start_m")  # fmt: skip


def _given(fleet: UavFleet, area: FlightArea) -> list[tuple[float, float, float]]:
    """Lists the starts that do not depend on the drop."""
    if fleet.start_m is not None:
        return list(fleet.start_m)
    height = _height(fleet, area)
    if fleet.start == "corner":
        return _corner(fleet, area, height)
    return [(x, y, height) for x, y in even_points(fleet.count, (area.x_m, area.y_m))]


def _corner(fleet: UavFleet, area: FlightArea, height: float) -> list[tuple[float, float, float]]:
    """Places UAVs in a square at the corner, twice the distance of a collision apart and at least 10 m."""
    step = max(10.0, 2.0 * fleet.collision_m)
    columns = math.ceil(math.sqrt(fleet.count))
    points = [(number % columns * step, number // columns * step, height) for number in range(fleet.count)]
    return [(min(x, area.x_m), min(y, area.y_m), z) for x, y, z in points]


def _random(fleet: UavFleet, area: FlightArea, drops: Drops) -> Tensor:
    """Draws many places for each UAV, and takes the first that lies in no zone."""
    extent = torch.tensor([area.x_m, area.y_m], dtype=torch.float64)
    place = uniform(drops.keys("uav/start"), (fleet.count, _TRIES, 2)) * extent
    free = torch.ones(place.shape[:-1], dtype=torch.bool)
    for west, south, east, north in area.no_fly_m:
        x, y = place[..., 0], place[..., 1]
        free &= ~((x > west) & (x < east) & (y > south) & (y < north))
    if not bool(free.any(-1).all()):
        raise ValueError(
            "uavs.start is 'random', but the no-fly zones leave hardly any place; give starts by uavs.start_m"
        )
    first = free.to(torch.int64).argmax(-1)[..., None, None].expand(-1, -1, 1, 2)
    chosen = place.gather(2, first)[:, :, 0]
    height = torch.full_like(chosen[..., :1], _height(fleet, area))
    return torch.cat((chosen, height), -1)


def _height(fleet: UavFleet, area: FlightArea) -> float:
    return 0.5 * (area.min_height_m + area.max_height_m) if fleet.start_height_m is None else fleet.start_height_m
