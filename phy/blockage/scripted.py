"""Computes losses that a scenario schedules, by position, by time, or by both.

An event attenuates the links of some UEs to some cells by ``loss_db``, between two times, within a region. A UE that
turns round a street corner is one that moves into a region; ``transition_m`` says how steep the corner is. Over the
border and over the beginning and the end the loss follows ``3 s^2 - 2 s^3`` of the way s, so that it never jumps; the
steepest slope is 1.5 times the mean one. Events that overlap add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..mobility import RectangleSettings
from ..settings import STRICT
from ..topology.sites import Topology

Corner = tuple[float, float]


@settings(frozen=True, config=STRICT)
class BlockageEvent:
    """Holds one loss: its links, its region, its time and its size."""

    loss_db: float = Field(ge=0.0, le=100.0)
    """Loss within the region while the event lasts."""
    start_s: float = Field(default=0.0, ge=0.0)
    """When the loss begins to rise."""
    end_s: float | None = Field(default=None, ge=0.0)
    """When it begins to fall; without one it lasts to the end of the run."""
    transition_s: float = Field(default=0.0, ge=0.0, le=3600.0)
    """Time that it takes to rise and to fall."""
    rectangle: RectangleSettings | None = None
    """Region: a rectangle."""
    polygon_m: tuple[Corner, ...] | None = Field(default=None, min_length=3, max_length=64)
    """Region: a polygon by its corners (x, y), in either direction, without crossings."""
    transition_m: float = Field(default=2.0, ge=0.0, le=1000.0)
    """Width of the region's border, half of it inside, over which the loss rises."""
    groups: tuple[str, ...] | None = None
    """Names of the groups of users concerned; all if not given."""
    users: tuple[int, ...] | None = None
    """Numbers of the users concerned, from 0; all (of the groups) if not given."""
    cells: tuple[int, ...] | None = None
    """Numbers of the cells concerned, from 0; all if not given."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end_s is not None and self.end_s < self.start_s + self.transition_s:
            raise ValueError(
                f"end_s is {self.end_s:g}, but the loss rises from start_s ({self.start_s:g}) for transition_s "
                f"({self.transition_s:g}) seconds; let it end later or rise faster"
            )
        if self.rectangle is not None and self.polygon_m is not None:
            raise ValueError("there is a rectangle and a polygon_m; an event has one region, so make it two events")
        if self.polygon_m is not None:
            _require_simple(self.polygon_m)
        return self

    @property
    def corners_m(self) -> tuple[Corner, ...]:
        """Returns the corners of the region; none where the event holds everywhere."""
        if self.rectangle is not None:
            box = self.rectangle
            west, east, south, north = box.west_m, box.east_m, box.south_m, box.north_m
            return (west, south), (east, south), (east, north), (west, north)
        return self.polygon_m or ()


@settings(frozen=True, config=STRICT)
class ScriptedSettings:
    """Holds the events of a scripted blockage."""

    events: tuple[BlockageEvent, ...] = Field(min_length=1, max_length=200)
    """Events, each a loss in a region, a time, or both."""
    model: Literal["scripted"] = "scripted"
    """Name of the model of blockage."""


@dataclass(frozen=True)
class BlockageScript:
    """Holds E events as tensors; their regions are Pg polygons of Sd sides, some of them of length 0.

    A region near the border of a cluster that repeats is seen from more than one side: it has a polygon for each image
    that reaches into the cluster.
    """

    loss_db: Tensor  # [E] float64
    start_s: Tensor  # [E]
    end_s: Tensor  # [E], inf where it never ends
    transition_s: Tensor  # [E]
    corner_m: Tensor  # [Pg, Sd, 2]
    transition_m: Tensor  # [Pg]
    region: Tensor  # [Pg, E] float64, 1 where the polygon belongs to the event
    everywhere: Tensor  # [E] float64, 1 where the event has no region
    member: Tensor  # [U, E] float64, 1 where the event concerns the UE
    cell: Tensor  # [E, C] float64, 1 where it concerns the cell

    def to(self, device: torch.device) -> BlockageScript:
        """Moves the script to another device."""
        return BlockageScript(**{name: value.to(device) for name, value in vars(self).items()})


def build_script(settings: ScriptedSettings, topology: Topology, group_of_user: Sequence[str]) -> BlockageScript:
    """Builds tensors from the events of a scenario.

    Args:
        settings: the events.
        topology: of the cells concerned.
        group_of_user: name of each UE's group, U of them.

    Raises:
        ValueError: an event names a group, a UE or a cell that does not exist.
    """
    events = settings.events
    region, corner = _polygons(events, topology)
    end = [torch.inf if event.end_s is None else event.end_s for event in events]
    return BlockageScript(
        loss_db=_column([event.loss_db for event in events]),
        start_s=_column([event.start_s for event in events]),
        end_s=_column(end),
        transition_s=_column([event.transition_s for event in events]),
        corner_m=corner,
        transition_m=(region * _column([event.transition_m for event in events])).sum(-1),
        region=region,
        everywhere=_column([0.0 if event.corners_m else 1.0 for event in events]),
        member=torch.stack([_members(event, number, group_of_user) for number, event in enumerate(events)], -1),
        cell=torch.stack([_cells(event, number, topology.cells) for number, event in enumerate(events)]),
    )


def scripted_loss_db(script: BlockageScript, position_m: Tensor, t_s: float) -> Tensor:
    """Computes the loss of every link in dB, ``[B, U, C]``.

    Args:
        script: the events.
        position_m: of the UEs, wrapped into the cluster, float64 ``[B, U, 3]``.
        t_s: time in s.
    """
    now = _ramp(t_s - script.start_s, script.transition_s) * (1.0 - _ramp(t_s - script.end_s, script.transition_s))
    depth = depth_m(script.corner_m, position_m[..., :2])  # [B, U, Pg]
    within = _ramp(depth + 0.5 * script.transition_m, script.transition_m)
    # sums, not matrix products, whose last bit may depend on the size of the batch
    here = ((within[..., None] * script.region).sum(2) + script.everywhere).clamp(max=1.0)
    loss = here * script.member * (now * script.loss_db)
    return (loss[..., None] * script.cell).sum(2)


def depth_m(corner_m: Tensor, point_m: Tensor) -> Tensor:
    """Computes how far inside polygons ``[Pg, Sd, 2]`` points ``[..., 2]`` lie, in m ``[..., Pg]``;
    negative outside.
    """
    begin, side = corner_m, corner_m.roll(-1, dims=1) - corner_m
    way = point_m[..., None, None, :] - begin  # [..., Pg, Sd, 2]
    length = side.square().sum(-1)
    part = ((way * side).sum(-1) / length.clamp(min=1e-12)).clamp(0.0, 1.0)
    distance = (way - part[..., None] * side).square().sum(-1).amin(-1).sqrt()
    level = way[..., 1] / torch.where(side[..., 1] == 0.0, 1.0, side[..., 1])  # where a line to the east meets the side
    crosses = ((way[..., 1] < 0.0) != (way[..., 1] < side[..., 1])) & (way[..., 0] < level * side[..., 0])
    return torch.where(crosses.sum(-1) % 2 == 1, distance, -distance)


def _ramp(way: Tensor, width: Tensor) -> Tensor:
    """Computes a ramp from 0 at 0 to 1 at the width; a step at 0 where there is no width."""
    x = (way / torch.where(width > 0.0, width, 1.0)).clamp(0.0, 1.0)
    return torch.where(width > 0.0, x * x * (3.0 - 2.0 * x), (way >= 0.0).to(way.dtype))


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _polygons(events: Sequence[BlockageEvent], topology: Topology) -> tuple[Tensor, Tensor]:
    """Returns each polygon's event, one-hot ``[Pg, E]``, and corners ``[Pg, Sd, 2]``; one for each image in reach."""
    sides = max(1, *(len(event.corners_m) for event in events))
    site = topology.site_m[:, :2]
    owner, corners = [], []
    for number, event in enumerate(events):
        corner = torch.tensor(_even(event.corners_m, sides), dtype=torch.float64)
        reach_m = float((corner - corner.mean(0)).norm(dim=-1).max()) + event.transition_m + topology.isd_m
        for shift in topology.shift_m if event.corners_m else ():
            nearest_m = float((corner.mean(0) + shift - site).norm(dim=-1).min())
            if nearest_m < reach_m or not bool(shift.any()):
                owner.append(number)
                corners.append(corner + shift)
    region = torch.nn.functional.one_hot(torch.tensor(owner, dtype=torch.int64), len(events))
    return region.to(torch.float64), torch.stack(corners) if corners else torch.zeros((0, sides, 2)).double()


def _even(corners: tuple[Corner, ...], sides: int) -> list[Corner]:
    """Repeats the last corner of shorter polygons, so that all have equally many."""
    some = list(corners) or [(0.0, 0.0)]
    return some + some[-1:] * (sides - len(some))


def _members(event: BlockageEvent, number: int, group_of_user: Sequence[str]) -> Tensor:
    known = dict.fromkeys(group_of_user)
    for group in event.groups or ():
        if group not in known:
            raise ValueError(f"blockage event {number} names the group '{group}'; there are {', '.join(known)}")
    for user in event.users or ():
        if not 0 <= user < len(group_of_user):
            raise ValueError(f"blockage event {number} names the user {user}; there are 0 to {len(group_of_user) - 1}")
    member = [
        (event.groups is None or group in event.groups) and (event.users is None or user in event.users)
        for user, group in enumerate(group_of_user)
    ]
    return torch.tensor(member, dtype=torch.float64)


def _cells(event: BlockageEvent, number: int, cells: int) -> Tensor:
    if event.cells is None:
        return torch.ones(cells, dtype=torch.float64)
    for cell in event.cells:
        if not 0 <= cell < cells:
            raise ValueError(f"blockage event {number} names the cell {cell}; there are 0 to {cells - 1}")
    concerned = torch.zeros(cells, dtype=torch.float64)
    concerned[list(event.cells)] = 1.0
    return concerned


def _require_simple(corners: tuple[Corner, ...]) -> None:
    """Refuses polygons without area and those whose sides cross."""
    count = len(corners)
    sides = [(corners[i], corners[(i + 1) % count]) for i in range(count)]
    if abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in sides)) < 1e-6:
        raise ValueError("polygon_m has no area: its corners lie on a line; give at least three that do not")
    for i, one in enumerate(sides):
        for j in range(i + 2, count):
            if (j + 1) % count != i and _cross(one, sides[j]):
                raise ValueError(
                    f"polygon_m crosses itself: side {i} meets side {j}; order the corners along the border"
                )


def _cross(one: tuple[Corner, Corner], other: tuple[Corner, Corner]) -> bool:
    def turn(a: Corner, b: Corner, c: Corner) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return turn(a, b, c) * turn(a, b, d) <= 0.0 and turn(c, d, a) * turn(c, d, b) <= 0.0
