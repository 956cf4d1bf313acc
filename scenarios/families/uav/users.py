"""Defines the groups of ground users of a scenario, and draws their positions, tracks and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor

from mac.metrics.satisfaction import Sla
from mac.traffic import Arrivals, FullBuffer, Packets, TraceReplay, TrafficModel, merge
from mac.traffic.trace_paths import match_files
from mac.uav.ground import DayLoad, GroundUsers
from phy.mobility import MobilitySettings, Rectangle, Replay, Static, join, trajectories
from phy.random import Drops, normal, stream_key, uniform

from ..cellular.traffic_settings import Traffic
from ..schema import Model

HOURS = 24


class GroundGroup(Model):
    """Describes ground users that are alike."""

    name: str = Field(min_length=1, max_length=40)
    """Name of the group in the results."""
    count: int = Field(default=1, ge=0, le=100_000)
    """Number of users; 0 leaves the group out."""
    placement: Literal["uniform", "hotspots", "lattice", "points"] = "uniform"
    """Where users start: anywhere; around hotspots; at random points of a square lattice; at given points."""
    hotspots: int = Field(default=3, ge=1, le=10_000)
    """Number of hotspots, at random places, of the placement ``hotspots``; each user draws one."""
    hotspot_radius_m: float = Field(default=80.0, gt=0, le=1e5)
    """Standard deviation of the distance from the hotspot along each axis; the border of the area reflects."""
    hotspot_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the users at hotspots; the others are anywhere."""
    lattice_m: float = Field(default=100.0, gt=0, le=1e5)
    """Spacing of the points of the placement ``lattice``."""
    points_m: tuple[tuple[float, float], ...] = ()
    """Positions [x, y] of the placement ``points``, one for each user; they may coincide."""
    mobility: MobilitySettings = Field(default_factory=Static, description="How the users move: a model of motion.")
    traffic: Traffic = Field(
        default_factory=FullBuffer, description="What arrives for each user: a traffic model and its settings."
    )
    day: tuple[float, ...] | None = None
    """Factor of the data that arrive in each of the 24 hours of the day; null: the same all day. Packets keep their
    times, and their sizes are scaled."""
    sla: Sla = Field(default_factory=Sla)
    """What each user was promised; satisfaction is measured against it."""

    @field_validator("day")
    @classmethod
    def _of_24_hours(cls, day: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if day is not None and (len(day) != HOURS or min(day) < 0):
            raise ValueError(f"day must have {HOURS} factors of at least 0, one an hour from midnight, not {list(day)}")
        return day

    @field_validator("mobility")
    @classmethod
    def _tracks_beside_the_scenario(cls, mobility: MobilitySettings, info: ValidationInfo) -> MobilitySettings:
        """Names a file of tracks that lies beside the scenario by its full path."""
        if not isinstance(mobility, Replay) or not info.context:
            return mobility
        folders: list[Path] = info.context["folders"]
        path = next((folder / mobility.file for folder in folders if (folder / mobility.file).is_file()), None)
        return replace(mobility, file=str(path or mobility.file))

    @field_validator("traffic")
    @classmethod
    def _traces_beside_the_scenario(cls, traffic: TrafficModel, info: ValidationInfo) -> TrafficModel:
        """Names files of traces likewise."""
        if not isinstance(traffic, TraceReplay) or not info.context:
            return traffic
        folders: list[Path] = info.context["folders"]
        return replace(traffic, files=tuple(_beside(pattern, folders) for pattern in traffic.files))

    @model_validator(mode="after")
    def _a_point_for_each(self) -> GroundGroup:
        if self.placement == "points" and len(self.points_m) != self.count:
            raise ValueError(
                f"points_m has {len(self.points_m)} positions for count {self.count} users; write one [x, y] for each"
            )
        if self.placement != "points" and self.points_m:
            raise ValueError("points_m is given, but placement is not 'points'; set placement: points or leave it out")
        return self


def ground_users(
    groups: Sequence[GroundGroup], drops: Drops, area_m: tuple[float, float], run: RunLength, height_m: float
) -> GroundUsers:
    """Draws the users of a batch of drops, group after group.

    Args:
        groups: of the scenario.
        drops: of the batch.
        area_m: extent of the area.
        run: its intervals, and its time of day.
        height_m: height of the users.

    Raises:
        ValueError: a file of tracks or traces cannot be used.
    """
    present = [group for group in groups if group.count]
    rectangle = Rectangle(torch.zeros(2, dtype=torch.float64), torch.tensor(area_m, dtype=torch.float64))
    starts = [start_m(group, drops, rectangle) for group in present]
    moves = any(not isinstance(group.mobility, Static) for group in present)
    full = [torch.full((group.count,), group.traffic.full_buffer) for group in present]
    track = None
    if moves:
        parts = [
            trajectories(
                drops, group.mobility, torch.nn.functional.pad(start, (0, 1), value=height_m), rectangle,
                (run.intervals - 1) * run.interval_s, f"uav/mobility/{group.name}"
            )
            for group, start in zip(present, starts, strict=True)
        ]  # fmt: skip
        track = join(parts, list(torch.arange(sum(g.count for g in present)).split([g.count for g in present])))
    day = None
    if any(group.day is not None for group in present):
        factor = torch.cat([torch.tensor([group.day or (1.0,) * HOURS], dtype=torch.float64).expand(group.count, -1)
                            for group in present])  # fmt: skip
        day = DayLoad(factor, run.start_hour, run.pace)
    return GroundUsers(torch.cat(starts, 1), track, torch.cat(full), arrivals(present, drops, run), day, height_m)


class RunLength(Model):
    """Holds how long a run is, and at what time of day it begins."""

    intervals: int
    """Those of the run and one more, whose start is observed at the end."""
    interval_s: float
    start_hour: float = 0.0
    pace: float = 1.0


def start_m(group: GroundGroup, drops: Drops, area: Rectangle) -> Tensor:
    """Draws the positions of a group at the start, float64 ``[B, U, 2]``."""
    key, shape = drops.keys(f"uav/place/{group.name}"), (group.count, 2)
    if group.placement == "points":
        return torch.tensor(group.points_m, dtype=torch.float64).expand(len(drops), *shape)
    anywhere = uniform(key, shape) * area.size_m
    if group.placement == "lattice":
        return ((anywhere / group.lattice_m).floor() * group.lattice_m).minimum(area.size_m)
    if group.placement == "uniform":
        return anywhere
    centre = uniform(drops.keys(f"uav/hotspot/{group.name}"), (group.hotspots, 2)) * area.size_m
    draw = uniform(drops.keys(f"uav/which/{group.name}"), (group.count, 2))
    which = (draw[..., 0] * group.hotspots).long()
    around = normal(drops.keys(f"uav/around/{group.name}"), shape) * group.hotspot_radius_m
    near = area.inside(centre.gather(1, which[..., None].expand(-1, -1, 2)) + around)
    return torch.where(draw[..., 1:] < group.hotspot_share, near, anywhere)


def arrivals(groups: Sequence[GroundGroup], drops: Drops, run: RunLength) -> Arrivals | None:
    """Draws the packets of every drop; None where every user always has data."""
    if all(group.traffic.full_buffer for group in groups):
        return None
    return Arrivals(tuple(_packets_of_drop(groups, drops.seed, drop, run) for drop in drops.ids))


def _packets_of_drop(groups: Sequence[GroundGroup], seed: int, drop: int, run: RunLength) -> Packets:
    parts = [
        group.traffic.packets(
            stream_key(seed, drop, f"traffic/{group.name}"), group.count, run.intervals, run.interval_s
        )
        for group in groups
    ]
    first = np.cumsum([0, *(group.count for group in groups)])[:-1]
    return merge(parts, first.tolist())


def _beside(pattern: str, folders: Sequence[Path]) -> str:
    """Returns the pattern in the first folder that has a match; as it stands where none has, for the data folders."""
    if Path(pattern).is_absolute():
        return pattern
    return next((str(folder / pattern) for folder in folders if match_files(folder.absolute() / pattern)), pattern)
