"""Computes where UEs may move, and what happens at the border of that area.

Both kinds of area make the plane periodic. A network with wrap-around repeats by the translations of its images: UEs
move on without end through the repeated network, and :func:`wrap_position` gives their position in the cluster. A
rectangle reflects: the plane is tiled by its mirror images, so that a straight line in the plane is a path with
reflections in the rectangle. No place of such a plane is special, so a uniform distribution of UEs stays uniform under
every mobility model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..settings import STRICT
from ..topology.sites import HALL_M, Topology

_STEPS = [(i, j) for i in (0, -1, 1) for j in (0, -1, 1)]


class Area(Protocol):
    """Describes a periodic plane."""

    @property
    def period_m(self) -> Tensor:
        """Returns two translations that change nothing, float64 ``[2, 2]``, in rows."""
        ...

    def inside(self, plane_m: Tensor) -> Tensor:
        """Maps points ``[..., 2]`` of the plane to positions in the area, continuously."""
        ...

    def flip(self, plane_m: Tensor) -> Tensor:
        """Computes the derivative of :meth:`inside` along each axis, 1 or -1, ``[..., 2]``."""
        ...


@settings(frozen=True, config=STRICT)
class RectangleSettings:
    """Holds a rectangle that UEs do not leave: they are reflected at its sides."""

    west_m: float = Field(ge=-1e6, le=1e6)
    """Least x."""
    south_m: float = Field(ge=-1e6, le=1e6)
    """Least y."""
    east_m: float = Field(ge=-1e6, le=1e6)
    """Greatest x."""
    north_m: float = Field(ge=-1e6, le=1e6)
    """Greatest y."""

    @model_validator(mode="after")
    def _check(self) -> RectangleSettings:
        if self.east_m - self.west_m < 1.0 or self.north_m - self.south_m < 1.0:
            raise ValueError(
                f"the rectangle from ({self.west_m:g}, {self.south_m:g}) to ({self.east_m:g}, {self.north_m:g}) m is "
                "less than 1 m wide or high; east_m must exceed west_m, and north_m must exceed south_m"
            )
        return self


@dataclass(frozen=True)
class EndlessPlane:
    """Holds the plane of a network with wrap-around, in which UEs move on through image after image of the cluster."""

    topology: Topology

    @property
    def period_m(self) -> Tensor:
        """Returns the translations to two neighbouring images, 60 degrees apart."""
        return self.topology.shift_m[1:3]

    def inside(self, plane_m: Tensor) -> Tensor:
        """Returns the points themselves; :func:`wrap_position` maps them into the cluster where that is needed."""
        return plane_m

    def flip(self, plane_m: Tensor) -> Tensor:
        """Returns ones."""
        return torch.ones_like(plane_m)


@dataclass(frozen=True)
class Rectangle:
    """Holds a rectangle whose sides reflect."""

    corner_m: Tensor  # [2] float64, of the least coordinates
    size_m: Tensor  # [2]

    @property
    def period_m(self) -> Tensor:
        """Returns twice the sides: two reflections make a translation."""
        return torch.diag(2.0 * self.size_m)

    def inside(self, plane_m: Tensor) -> Tensor:
        """Maps points of the plane into the rectangle by reflections."""
        corner, size = self._on(plane_m)
        turn = torch.remainder(plane_m - corner, 2.0 * size)
        return corner + torch.minimum(turn, 2.0 * size - turn)

    def flip(self, plane_m: Tensor) -> Tensor:
        """Computes -1 along the axes in which a point is reflected, else 1."""
        corner, size = self._on(plane_m)
        mirrored = torch.remainder(plane_m - corner, 2.0 * size) >= size
        return 1.0 - 2.0 * mirrored.to(plane_m.dtype)

    def _on(self, plane_m: Tensor) -> tuple[Tensor, Tensor]:
        return self.corner_m.to(plane_m.device), self.size_m.to(plane_m.device)


def area_of(topology: Topology, rectangle: RectangleSettings | None = None) -> Area:
    """Chooses the area of movement: a given rectangle, else the endless plane of a network with wrap-around, the hall,
    or the box of the hexagons.

    Args:
        topology: the network.
        rectangle: where UEs are to stay.
    """
    if rectangle is not None:
        corner = torch.tensor([rectangle.west_m, rectangle.south_m], dtype=torch.float64)
        end = torch.tensor([rectangle.east_m, rectangle.north_m], dtype=torch.float64)
        return Rectangle(corner, end - corner)
    if topology.hall:
        size = torch.tensor(HALL_M, dtype=torch.float64)
        return Rectangle(-0.5 * size, size)
    if len(topology.shift_m) > 1:
        return EndlessPlane(topology)
    site = topology.site_m[:, :2]
    # Neighbours stand at 30 + 60 k degrees: a hexagon's corners lie on the x axis, its sides cross the y axis.
    reach = topology.isd_m * site.new_tensor([1.0 / math.sqrt(3.0), 0.5])
    low, high = site.amin(0) - reach, site.amax(0) + reach
    return Rectangle(low, high - low)


def wrap_position(topology: Topology, position_m: Tensor) -> Tensor:
    """Translates positions into the hexagons of the cluster, by whole translations of its images.

    :func:`phy.topology.sites.displacement` is continuous along a path wrapped so, as sites repeat with the same
    translations. Processes over the plane (shadowing, line of sight) do not repeat: evaluate them at the position
    that was not wrapped.

    Args:
        topology: the network; without wrap-around nothing changes.
        position_m: ``[..., 2 or 3]``.
    """
    if len(topology.shift_m) == 1:
        return position_m
    plane = position_m[..., :2]
    period = topology.shift_m[1:3].to(plane)
    near = plane - torch.round(plane @ torch.linalg.inv(period)) @ period
    image = near[..., None, :] - near.new_tensor(_STEPS) @ period  # [..., 9, 2]
    offset = image[..., None, :] - topology.site_m[:, :2].to(plane)
    best = offset.square().sum(-1).amin(-1).argmin(-1)  # the image whose nearest site is nearest of all
    wrapped = torch.take_along_dim(image, best[..., None, None], -2).squeeze(-2)
    return torch.cat((wrapped, position_m[..., 2:]), -1)
