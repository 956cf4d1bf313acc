"""Computes positions of base stations: a hexagonal grid of sites with one or three sectors, with or without
wrap-around, or a hall with base stations under its ceiling.

The grid is that of TR 38.901 clause 7.8 and ITU-R M.2412: with three sectors, each boresight points at a
neighbouring site. A site's own area is the hexagon of all points nearer to it than to another site of the
unbounded grid, and a sector's area is the third of it within 60 degrees of the boresight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from ..settings import STRICT

FIRST_AXIS_RAD = math.radians(30.0)
"""Direction of the first of a site's six neighbours; the others follow every 60 degrees."""

HALL_M = (120.0, 50.0)
"""Length and width of the indoor hall (TR 38.901 Table 7.2-2)."""
HALL_SITES = (6, 2)
HALL_SPACING_M = 20.0

_RINGS = {1 + 3 * rings * (rings + 1): rings for rings in range(9)}  # sites of a full hexagonal cluster


@settings_dataclass(frozen=True, config=STRICT)
class TopologySettings:
    """Holds sites, sectors and heights of the network."""

    layout: Literal["hexagonal", "single", "indoor"] = "hexagonal"
    """Hexagonal grid of sites, a single site that knows no others, or a hall of 120 m x 50 m with two rows of six."""
    sites: Literal[1, 7, 19, 37, 61, 91, 127, 169, 217] = 7
    """Number of sites of the hexagonal layout, whole rings around the first; a single layout has one, a hall
    twelve."""
    sectors: Literal[1, 3] = 3
    """Cells of each site; outside of a hall, a site of one cell is omnidirectional, whatever the antenna."""
    isd_m: float = Field(default=500.0, ge=10.0, le=100_000.0)
    """Inter-site distance; it also sets the size of a single site's hexagon, and is 20 in a hall."""
    bs_height_m: float = Field(default=25.0, gt=0.0, le=1000.0)
    """Height of the antennas above ground: 25 for UMa, 10 for UMi, 35 for RMa, 3 indoors (TR 38.901 clause 7.2)."""
    wrap_around: bool = True
    """Repeat the cluster of sites without end, so that no cell lies at an edge."""
    min_distance_m: float = Field(default=35.0, ge=0.0)
    """Least horizontal distance of a user from the site: 35 for UMa and RMa, 10 for UMi, 0 indoors (clause 7.2)."""

    @model_validator(mode="after")
    def _check_min_distance(self) -> Self:
        if self.layout == "indoor" and (self.isd_m != HALL_SPACING_M or self.min_distance_m != 0.0):
            raise ValueError(
                f"isd_m is {self.isd_m:g} and min_distance_m {self.min_distance_m:g}, but the hall of layout 'indoor' "
                f"has its sites {HALL_SPACING_M:g} m apart and users anywhere; set isd_m: {HALL_SPACING_M:g} and "
                "min_distance_m: 0"
            )
        if self.min_distance_m >= 0.5 * self.isd_m:
            raise ValueError(
                f"min_distance_m is {self.min_distance_m:g}, but it must be less than half of isd_m ({self.isd_m:g}); "
                "lower min_distance_m or raise isd_m"
            )
        return self

    @property
    def site_count(self) -> int:
        """Returns the number of sites that the layout has."""
        return {"single": 1, "hexagonal": self.sites, "indoor": HALL_SITES[0] * HALL_SITES[1]}[self.layout]


@dataclass(frozen=True)
class Topology:
    """Holds a network's sites and cells; cell index = site * sectors + sector. Lengths in m, float64."""

    site_m: Tensor  # [Si, 3] positions of the antennas
    cell_site: Tensor  # [C] int64, site of each cell
    azimuth_rad: Tensor  # [C] boresight, anticlockwise from the x axis; 0 (without meaning) for one sector
    shift_m: Tensor  # [images, 2] translations of the cluster's images, the first is zero
    isd_m: float
    sectors: int
    hall: bool = False  # UEs are in a hall, not in hexagons

    def to(self, device: torch.device) -> Topology:
        """Moves the network to another device."""
        return replace(
            self,
            site_m=self.site_m.to(device),
            cell_site=self.cell_site.to(device),
            azimuth_rad=self.azimuth_rad.to(device),
            shift_m=self.shift_m.to(device),
        )

    @property
    def omnidirectional(self) -> bool:
        """Returns whether the cells radiate alike in all directions, whatever the antenna."""
        return self.sectors == 1 and not self.hall

    @property
    def sites(self) -> int:
        """Returns the number of sites Si."""
        return len(self.site_m)

    @property
    def cells(self) -> int:
        """Returns the number of cells C."""
        return len(self.cell_site)


def build_topology(settings: TopologySettings) -> Topology:
    """Builds sites around the origin, the centre one first, then ring by ring anticlockwise."""
    sites, sectors = settings.site_count, settings.sectors
    hall = settings.layout == "indoor"
    rings = 0 if hall else _RINGS[sites]
    plane = _ceiling() if hall else settings.isd_m * _lattice(_cluster(rings))
    height = torch.full((sites, 1), settings.bs_height_m, dtype=torch.float64)
    boresight = [math.radians(30.0 + 120.0 * s) for s in range(sectors)] if sectors > 1 else [0.0]
    wraps = settings.wrap_around and sites > 1 and not hall
    return Topology(
        site_m=torch.cat([plane, height], dim=1),
        cell_site=torch.arange(sites).repeat_interleave(sectors),
        azimuth_rad=torch.tensor(boresight, dtype=torch.float64).repeat(sites),
        shift_m=settings.isd_m * _lattice([(0, 0), *_images(rings)] if wraps else [(0, 0)]),
        isd_m=settings.isd_m,
        sectors=sectors,
        hall=hall,
    )


def displacement(topology: Topology, user_m: Tensor) -> Tensor:
    """Computes the vector from each site to each UE in m, by the image of the site that is horizontally nearest.

    Args:
        topology: the network.
        user_m: positions ``[B, U, 3]``; with wrap-around they must lie within the cluster's hexagons.

    Returns:
        ``[B, U, Si, 3]``.
    """
    offset = user_m[:, :, None, :] - topology.site_m
    images = offset[..., None, :2] - topology.shift_m
    nearest = images.square().sum(dim=-1).argmin(dim=-1)
    plane = torch.take_along_dim(images, nearest[..., None, None], dim=-2).squeeze(-2)
    return torch.cat([plane, offset[..., 2:]], dim=-1)


def _ceiling() -> Tensor:
    """Places the hall's sites row by row; the hall's middle is the origin."""
    across = torch.arange(HALL_SITES[1], dtype=torch.float64) - 0.5 * (HALL_SITES[1] - 1)
    along = torch.arange(HALL_SITES[0], dtype=torch.float64) - 0.5 * (HALL_SITES[0] - 1)
    y, x = torch.meshgrid(across, along, indexing="ij")
    return HALL_SPACING_M * torch.stack((x.flatten(), y.flatten()), -1)


def _cluster(rings: int) -> list[tuple[int, int]]:
    """Lists axial coordinates of all grid points up to ``rings`` steps from the origin, ring by ring, anticlockwise."""
    span = range(-rings, rings + 1)
    points = [(q, r) for q in span for r in span if abs(q + r) <= rings]
    return sorted(points, key=lambda p: (_steps(*p), _angle(*p)))


def _steps(q: int, r: int) -> int:
    return max(abs(q), abs(r), abs(q + r))


def _angle(q: int, r: int) -> float:
    """Computes the angle of a grid point from the first axis, in [0, 2 pi); the two axes are 60 degrees apart."""
    return math.atan2(r * math.sqrt(0.75), q + 0.5 * r) % (2.0 * math.pi)


def _images(rings: int) -> list[tuple[int, int]]:
    """Lists the six shifts that lay clusters of ``rings`` rings side by side: (n + 1, n), in steps of 60 degrees."""
    q, r = rings + 1, rings
    turned = []
    for _ in range(6):
        turned.append((q, r))
        q, r = -r, q + r
    return turned


def _lattice(axial: list[tuple[int, int]]) -> Tensor:
    """Computes positions ``[len(axial), 2]`` of grid points, in inter-site distances."""
    axes = [FIRST_AXIS_RAD, FIRST_AXIS_RAD + math.pi / 3.0]
    basis = torch.tensor([[math.cos(a), math.sin(a)] for a in axes], dtype=torch.float64)
    return torch.tensor(axial, dtype=torch.float64) @ basis
