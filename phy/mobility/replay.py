"""Replays recorded trajectories, linear between their points."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT
from .area import Area, EndlessPlane, wrap_position
from .base import MAX_LEGS, MobilityContext, too_many_legs
from .trajectory import Legs, trim
from .trajectory_file import RecordedTrajectories, TrajectoryError, read_trajectories

_CLOSED_M = 1.0
"""A trajectory that ends nearer than this to where it began can be walked in a loop."""


@dataclass(frozen=True, config=STRICT)
class Replay:
    """Moves UEs along the trajectories of a file; the run begins at time 0 of the file.

    A UE waits at its first point until the time of that point.
    """

    file: str = Field(min_length=1)
    """CSV file with the columns user (or id), time_s, x_m, y_m and, if wanted, z_m; plain or gzipped."""
    model: Literal["replay"] = "replay"
    """Name of the mobility model."""
    max_gap_s: float = Field(default=60.0, gt=0.0, le=86400.0)
    """Longest time between two points of a user."""
    order: Literal["file", "random"] = "file"
    """Which user follows which trajectory: user 0 the file's first, and so on, or at random in each drop."""
    if_fewer: Literal["refuse", "cycle"] = "refuse"
    """If the file has fewer trajectories than there are users: refuse, or begin again with the first one."""
    at_end: Literal["refuse", "hold", "loop", "reverse"] = "refuse"
    """If a trajectory is shorter than the run: refuse, stand still, begin again (it must end where it began, within
    1 m), or walk it back and forth."""
    outside: Literal["refuse", "fold"] = "refuse"
    """If a trajectory leaves the area: refuse, or fold it back by the area's mirrors or images."""

    def legs(self, context: MobilityContext) -> Legs:
        """Converts the trajectories of the file to legs.

        Raises:
            TrajectoryError: the file cannot be used, has too few UEs, leaves the area or is too short.
        """
        tracks = _tracks(self.file, self.max_gap_s)
        self._check(tracks, context)
        once, length_s = _legs_of(tracks)
        which = self._assign(context, len(tracks.names))
        once = Legs(once.start_s[:, which], once.origin_m[:, which], once.velocity_mps[:, which])
        wait_s = once.start_s[:, :, :1]
        legs = self._beyond_the_end(once, length_s[which], context.duration_s)
        return trim(_with_heights(_waiting(legs, wait_s), context.start_m), context.duration_s)

    def _check(self, tracks: RecordedTrajectories, context: MobilityContext) -> None:
        if len(tracks.names) < context.users and self.if_fewer == "refuse":
            raise TrajectoryError(
                f"{tracks.path}: {len(tracks.names)} trajectories for {context.users} users; lower the users' count, "
                "or set if_fewer to 'cycle', so that several users follow the same one."
            )
        if self.outside == "refuse":
            _require_inside(tracks, context.area)
        begins = np.diff(tracks.user, prepend=-1) != 0
        if (point := tracks.first(begins & (tracks.time_s >= context.duration_s))) is not None:
            name, begin_s = tracks.names[tracks.user[point]], tracks.time_s[point]
            raise tracks.error(
                point,
                f"user '{name}' begins at time_s {begin_s:.10g}, but the run ends at {context.duration_s:g} s; times "
                "are in seconds from the start of the run: subtract the first one, or lengthen the run.",
            )
        last = np.append(np.diff(tracks.user) != 0, True)
        if self.at_end == "refuse" and (point := tracks.first(last & (tracks.time_s < context.duration_s))) is not None:
            name, end_s = tracks.names[tracks.user[point]], tracks.time_s[point]
            raise tracks.error(
                point,
                f"user '{name}' ends at time_s {end_s:g}, before the run, which takes {context.duration_s:g} s; "
                "shorten the run, or set at_end to 'hold', 'loop' or 'reverse'.",
            )
        if self.at_end == "loop":
            _require_closed(tracks, last)

    def require_heights(self, low_m: float, high_m: float, allowed: str) -> None:
        """Refuses a file with UEs outside of the heights above ``low_m`` and up to ``high_m``, as ``allowed`` says.

        Raises:
            TrajectoryError: the file, the line, the UE and its height.
        """
        tracks = _tracks(self.file, self.max_gap_s)
        height = tracks.position_m[:, 2]
        if (point := tracks.first((height <= low_m) | (height > high_m))) is not None:
            name = tracks.names[tracks.user[point]]
            raise tracks.error(point, f"user '{name}' is at z_m {height[point]:g}, but {allowed}.")

    def _assign(self, context: MobilityContext, known: int) -> Tensor:
        """Chooses the trajectory of each UE, ``[U]`` int64."""
        turn = torch.arange(context.users) % known
        return context.draw("replay", (known,)).argsort()[turn] if self.order == "random" else turn

    def _beyond_the_end(self, once: Legs, length_s: Tensor, duration_s: float) -> Legs:
        """Repeats trajectories to the end of the run: ``[1, U]`` UEs of ``length_s`` ``[U]`` each."""
        if self.at_end in ("refuse", "hold"):
            return once
        back = self.at_end == "reverse"
        part = _and_back(once) if back else _on_the_move(once)[0]
        period_s = length_s[None, :, None] * (2.0 if back else 1.0)
        laps = 1 + int(duration_s / float(period_s.min()))
        if laps * part.start_s.shape[2] > MAX_LEGS:
            raise too_many_legs(laps * part.start_s.shape[2], "set at_end to 'hold'")
        late_s = (torch.arange(laps, dtype=torch.float64) * period_s)[..., None]  # [1, U, laps, 1]
        start_s = (part.start_s[:, :, None] + late_s).flatten(2)
        return _sorted(start_s, *(x.repeat(1, 1, laps, 1) for x in (part.origin_m, part.velocity_mps)))


@lru_cache(maxsize=16)
def _read(path: Path, max_gap_s: float, _modified_ns: int, _size: int) -> RecordedTrajectories:
    return read_trajectories(path, max_gap_s)


def _tracks(file: str, max_gap_s: float) -> RecordedTrajectories:
    """Reads a file once per process while it does not change."""
    path = Path(file).absolute()
    try:
        status = path.stat()
    except OSError as error:
        raise TrajectoryError(f"{path}: cannot be read: {error.strerror}.") from None
    return _read(path, max_gap_s, status.st_mtime_ns, status.st_size)


def _require_inside(tracks: RecordedTrajectories, area: Area) -> None:
    plane = torch.from_numpy(tracks.position_m[:, :2])
    inside = wrap_position(area.topology, plane) if isinstance(area, EndlessPlane) else area.inside(plane)
    away = (inside - plane).abs().amax(-1).numpy() > 1e-6
    if (point := tracks.first(away)) is not None:
        x, y = tracks.position_m[point, :2]
        name = tracks.names[tracks.user[point]]
        raise tracks.error(
            point,
            f"user '{name}' is at ({x:g}, {y:g}) m, outside of the area; move or shorten the trajectory, enlarge the "
            "area, or set outside to 'fold'.",
        )


def _require_closed(tracks: RecordedTrajectories, last: np.ndarray) -> None:
    begin = np.searchsorted(tracks.user, np.arange(len(tracks.names)))
    end = np.flatnonzero(last)
    apart_m = np.linalg.norm(np.nan_to_num(tracks.position_m[end] - tracks.position_m[begin]), axis=1)
    open_end = np.zeros(len(tracks.user), dtype=bool)
    open_end[end] = apart_m > _CLOSED_M
    if (point := tracks.first(open_end)) is not None:
        user = tracks.user[point]
        raise tracks.error(
            point,
            f"user '{tracks.names[user]}' ends {apart_m[user]:.4g} m from its start, so that a loop would jump; "
            "set at_end to 'reverse' or 'hold'.",
        )


def _legs_of(tracks: RecordedTrajectories) -> tuple[Legs, Tensor]:
    """Builds a leg for each point, the last one at rest, ``[1, n, Lg]``, and each trajectory's duration ``[n]``."""
    time_s, point = torch.from_numpy(tracks.time_s), torch.from_numpy(tracks.position_m)
    user = torch.from_numpy(tracks.user)
    count = torch.from_numpy(tracks.points)
    first = count.cumsum(0) - count
    last = first + count - 1
    step_s = torch.diff(time_s, append=time_s[-1:]).index_fill(0, last, torch.inf)
    velocity = torch.diff(point, dim=0, append=point[-1:]) / step_s[:, None]
    column = torch.arange(len(user)) - first[user]
    shape = (1, len(count), int(count.max()))
    start_s = torch.full(shape, torch.inf, dtype=torch.float64)
    start_s[0, user, column] = time_s
    origin, moved = torch.zeros((*shape, 3), dtype=torch.float64), torch.zeros((*shape, 3), dtype=torch.float64)
    origin[0, user, column], moved[0, user, column] = point, velocity
    return Legs(start_s, origin, moved), time_s[last] - time_s[first]


def _on_the_move(once: Legs) -> tuple[Legs, Tensor]:
    """Removes the last leg of each trajectory, in which the UE stands still; returns also the end of each leg."""
    end_s = torch.cat((once.start_s[:, :, 1:], torch.full_like(once.start_s[:, :, :1], torch.inf)), 2)
    start_s = torch.where(torch.isfinite(end_s), once.start_s, torch.inf)
    return Legs(start_s, once.origin_m, once.velocity_mps), end_s


def _and_back(once: Legs) -> Legs:
    """Appends the same way back, without the last leg of each."""
    ahead, end_s = _on_the_move(once)
    moves = torch.isfinite(end_s)
    over_s = torch.where(moves, end_s, 0.0).amax(-1, keepdim=True)
    origin = torch.cat((once.origin_m[:, :, 1:], once.origin_m[:, :, :1]), 2)
    return _sorted(
        torch.cat((ahead.start_s, torch.where(moves, 2.0 * over_s - end_s, torch.inf)), 2),
        torch.cat((once.origin_m, origin), 2),
        torch.cat((once.velocity_mps, -once.velocity_mps), 2),
    )


def _sorted(start_s: Tensor, origin_m: Tensor, velocity_mps: Tensor) -> Legs:
    start, order = start_s.sort(dim=-1, stable=True)
    row = order[..., None].expand(-1, -1, -1, 3)
    return Legs(start, origin_m.gather(2, row), velocity_mps.gather(2, row))


def _waiting(legs: Legs, wait_s: Tensor) -> Legs:
    """Puts a leg of no velocity before the first point."""
    origin = torch.cat((legs.origin_m[:, :, :1], legs.origin_m), 2)
    velocity = torch.cat((torch.zeros_like(legs.velocity_mps[:, :, :1]), legs.velocity_mps), 2)
    return Legs(torch.cat((torch.zeros_like(wait_s), legs.start_s), 2), origin, velocity)


def _with_heights(legs: Legs, start_m: Tensor) -> Legs:
    """Gives points the heights of the UEs where the file has none."""
    height = start_m[:, :, None, 2:]
    flat = legs.origin_m[..., 2:].isnan()
    z = torch.where(flat, height, legs.origin_m[..., 2:])
    origin = torch.cat((legs.origin_m[..., :2], z), -1)
    return Legs(legs.start_s, origin, legs.velocity_mps.nan_to_num(nan=0.0))
