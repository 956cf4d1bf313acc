"""Draws positions of UEs, uniform over the area of each cell or of the network.

UEs are drawn without rejection. A hexagon falls into twelve congruent right triangles around its site, a third of
it into four. In a triangle with apothem ``a``, cut by a disc of radius ``m`` around the site, the points at angles
within ``psi`` of the apothem have the area ``(a^2 tan(psi) - m^2 psi) / 2``. A uniform number times the whole area
gives the angle by Newton's method, a second one the squared distance between ``m^2`` and ``(a / cos(psi))^2``. So the
UEs are exactly uniform outside the disc, each from a fixed count of random numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..random import uniform
from .sites import HALL_M, HALL_SITES, Topology

_NEWTON_STEPS = 8


def place_per_cell(
    keys: Tensor, topology: Topology, per_cell: int, min_distance_m: float, height_m: float
) -> tuple[Tensor, Tensor]:
    """Draws the same number of UEs in every cell, uniform over the cell's own area, ordered cell by cell.

    Args:
        keys: int64 ``[B]``, from :meth:`phy.random.Drops.keys`.
        topology: the network.
        per_cell: UEs of each cell.
        min_distance_m: least horizontal distance from the own site, less than half the inter-site distance.
        height_m: height of every UE.

    Returns:
        Positions in m, float64 ``[B, U, 3]``, and the cell each was drawn in, int64 ``[B, U]``; U = cells * per_cell.

    Raises:
        ValueError: the excluded disc does not fit into the hexagon.
    """
    home = torch.arange(topology.cells).repeat_interleave(per_cell).expand(len(keys), -1)
    draws = uniform(keys, (topology.cells * per_cell, 4))
    return _place(draws, home, topology, min_distance_m, height_m), home.contiguous()


def place_uniform(
    keys: Tensor, topology: Topology, users: int, min_distance_m: float, height_m: float
) -> tuple[Tensor, Tensor]:
    """Draws UEs uniform over the union of all hexagons: the cells have equal areas, so each UE draws a cell first.

    Arguments, results and errors as for :func:`place_per_cell`, with U = UEs.
    """
    draws = uniform(keys, (users, 4))
    home = (draws[..., 0] * topology.cells).long()
    return _place(draws, home, topology, min_distance_m, height_m), home


def _place(draws: Tensor, home: Tensor, topology: Topology, min_distance_m: float, height_m: float) -> Tensor:
    """Computes positions ``[B, U, 3]`` from four uniform numbers each (the first is the cell's, where it is drawn)."""
    if topology.hall:
        return _in_hall(draws, home, topology, height_m)
    apothem = 0.5 * topology.isd_m
    if not 0.0 <= min_distance_m < apothem:
        raise ValueError(
            f"min_distance_m is {min_distance_m:g}, but users keep at least 0 and less than half the inter-site "
            f"distance ({apothem:g} m) from their site; lower min_distance_m or raise isd_m"
        )
    apothem_rad, side = _triangles(topology, draws[..., 1])
    psi = _angle_in_triangle(draws[..., 2], (min_distance_m / apothem) ** 2)
    inner, outer = min_distance_m**2, (apothem / torch.cos(psi)) ** 2
    radius = torch.sqrt(inner + draws[..., 3] * (outer - inner))
    angle = topology.azimuth_rad[home] + apothem_rad + side * psi
    site = topology.site_m[topology.cell_site[home]]
    x = site[..., 0] + radius * torch.cos(angle)
    y = site[..., 1] + radius * torch.sin(angle)
    return torch.stack([x, y, torch.full_like(x, height_m)], dim=-1)


def _in_hall(draws: Tensor, home: Tensor, topology: Topology, height_m: float) -> Tensor:
    """Places UEs uniformly in the part of the hall nearest to their site: an equal rectangle for each."""
    size = draws.new_tensor([HALL_M[0] / HALL_SITES[0], HALL_M[1] / HALL_SITES[1]])
    index = topology.cell_site[home]
    place = torch.stack((index % HALL_SITES[0], torch.div(index, HALL_SITES[0], rounding_mode="floor")), -1)
    corner = draws.new_tensor([-0.5 * HALL_M[0], -0.5 * HALL_M[1]])
    plane = corner + (place + draws[..., 2:]) * size
    return torch.cat((plane, torch.full_like(plane[..., :1], height_m)), -1)


def _triangles(topology: Topology, draw: Tensor) -> tuple[Tensor, Tensor]:
    """Chooses a triangle of the cell for each UE: its apothem's angle from the boresight, and the side it lies on."""
    if topology.sectors == 1:  # the six sides of the hexagon, both halves; the "boresight" is the x axis
        apothem_deg = [30.0 + 60.0 * (t // 2) for t in range(12)]
        side = [1.0, -1.0] * 6
    else:  # the side the boresight points at, and the near halves of the two beside it
        apothem_deg, side = [0.0, 0.0, -60.0, 60.0], [1.0, -1.0, 1.0, -1.0]
    which = (draw * len(side)).long()
    return torch.deg2rad(draw.new_tensor(apothem_deg))[which], draw.new_tensor(side)[which]


def _angle_in_triangle(share: Tensor, disc: float) -> Tensor:
    """Computes the angle from the apothem below which ``share`` of the area lies; ``disc`` is ``(m / a)^2``.

    ``tan(psi) - disc * psi`` is convex, so Newton's method from the upper end falls to the root without overshooting.
    """
    end = math.pi / 6.0
    target = share * (math.tan(end) - disc * end)
    psi = torch.full_like(share, end)
    for _ in range(_NEWTON_STEPS):
        tangent = torch.tan(psi)
        psi = psi - (tangent - disc * psi - target) / (1.0 + tangent.square() - disc)
    return psi.clamp(0.0, end)
