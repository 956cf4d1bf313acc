"""Reads recorded trajectories: a file of positions of UEs over time.

A CSV file with the columns ``user`` (or ``id``), ``time_s``, ``x_m``, ``y_m`` and, if wanted, ``z_m``; others are
ignored. Rows of several UEs may alternate, those of one UE are in the order of time. Or floating car data of SUMO
(``--fcd-output``), as XML or as the CSV file that SUMO's ``xml2csv.py`` makes of it; vehicles and persons that are seen
once only are passed over there, as they leave or arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ..csv_file import FileFormat, Floats, TableError, TextTable, read_table, read_text
from .base import MAX_SPEED_KMH

Ints = NDArray[np.int64]

_FORM = FileFormat(
    kind="a trajectory file with the columns user (or id), time_s, x_m, y_m and, if wanted, z_m",
    required=("time_s", "x_m", "y_m"),
    aliases={
        "time_s": ("timestep_time",),
        "user": ("vehicle_id", "person_id"),
        "x_m": ("vehicle_x", "person_x"),
        "y_m": ("vehicle_y", "person_y"),
        "z_m": ("vehicle_z", "person_z"),
    },
)
_SUMO_COLUMNS = ("user", "time_s", "x_m", "y_m", "z_m")


class TrajectoryError(TableError):
    """Reports a trajectory file that cannot be used: which file, where possible which line, and what to do."""


@dataclass(frozen=True, eq=False)
class RecordedTrajectories:
    """Holds the points of a file, those of a UE together and in the order of time."""

    path: Path
    names: tuple[str, ...]  # [n] of the UEs, in the order in which they first appear
    user: Ints  # [p] number of each point's UE, ascending
    time_s: Floats  # [p]
    position_m: Floats  # [p, 3], z is NaN where the file has none
    line: Ints  # [p] of the file

    @property
    def points(self) -> Ints:
        """Counts the points of each UE, ``[n]``."""
        return np.bincount(self.user, minlength=len(self.names))

    def error(self, point: int, message: str) -> TrajectoryError:
        """Builds an error in the line of one point."""
        return TrajectoryError(f"{self.path}, line {self.line[point]}: {message}")

    def first(self, bad: NDArray[np.bool_]) -> int | None:
        """Finds the point of those marked that stands first in the file; None where none is marked."""
        found = np.flatnonzero(bad)
        return int(found[self.line[found].argmin()]) if len(found) else None


def read_trajectories(path: str | Path, max_gap_s: float = 60.0) -> RecordedTrajectories:
    """Reads and checks a file, plain or gzipped.

    Args:
        path: the file.
        max_gap_s: longest time between two points of a UE.

    Raises:
        TrajectoryError: the file is missing, empty, binary, cut off or has other columns; an entry is not a finite
            number; a time is negative, occurs twice or goes back; a gap is longer than ``max_gap_s``; a UE moves faster
            than 500 km/h from point to point, or has a single point.
    """
    tracks = _parse(Path(path).absolute())
    _require_times(tracks, max_gap_s)
    _require_speeds(tracks)
    return tracks


def _parse(path: Path) -> RecordedTrajectories:
    table, by_sumo = _table(path)
    names = _users(table)
    time_s = table.numbers("time_s", low=0.0, hint="Times count from 0, the start of the run.")
    place = [table.numbers(name) for name in ("x_m", "y_m", "z_m") if name in table.columns]
    if len(place) == 2:
        place.append(np.full(len(time_s), np.nan))
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    user = np.array([number[name] for name in names], dtype=np.int64)
    order = np.argsort(user, kind="stable")
    position, lines = np.column_stack(place), np.array(table.line, dtype=np.int64)
    tracks = RecordedTrajectories(path, tuple(number), user[order], time_s[order], position[order], lines[order])
    return tracks if not by_sumo else _seen_twice(tracks)


def _table(path: Path) -> tuple[TextTable, bool]:
    """Reads the rows of a file, and whether SUMO wrote it."""
    text = read_text(path, TrajectoryError)
    if text.lstrip().startswith("<"):
        return _of_xml(path, text), True
    by_sumo = "timestep_time" in text.partition("\n")[0]
    table = read_table(path, _FORM, TrajectoryError)
    if not by_sumo or "user" not in table.columns:
        return table, False
    there = [row for row, name in enumerate(table.columns["user"]) if name.strip()]  # at some times there are none
    return table.select_rows(there), True


def _of_xml(path: Path, text: str) -> TextTable:
    """Reads vehicles and persons of SUMO's floating car data."""
    parser, time_s = expat.ParserCreate(), ""
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []

    def start(tag: str, given: dict[str, str]) -> None:
        nonlocal time_s
        if tag == "timestep":
            time_s = given.get("time", "")
        elif tag in ("vehicle", "person"):
            rows.append((given.get("id", ""), time_s, given.get("x", ""), given.get("y", ""), given.get("z", "")))
            lines.append(parser.CurrentLineNumber)

    def refuse(*_: object) -> None:
        raise TrajectoryError(
            f"{path}, line {parser.CurrentLineNumber}: SUMO's floating car data declares no entities."
        )

    parser.StartElementHandler, parser.EntityDeclHandler = start, refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise TrajectoryError(
            f"{path}, line {error.lineno}: not a whole XML file ({expat.ErrorString(error.code)})."
        ) from None
    if not rows:
        raise TrajectoryError(
            f"{path}: there is no vehicle and no person; floating car data of SUMO (--fcd-output) is expected."
        )
    columns = dict(zip(_SUMO_COLUMNS, zip(*rows, strict=True), strict=True))
    if not any(columns["z_m"]):
        del columns["z_m"]
    return TextTable(path, tuple(lines), columns, TrajectoryError)


def _seen_twice(tracks: RecordedTrajectories) -> RecordedTrajectories:
    """Drops UEs of a single point."""
    many = tracks.points > 1
    if not many.any():
        raise TrajectoryError(f"{tracks.path}: no user is there at two times; a trajectory needs two points.")
    kept, number = many[tracks.user], np.cumsum(many) - 1
    return RecordedTrajectories(
        tracks.path,
        tuple(name for name, is_kept in zip(tracks.names, many, strict=True) if is_kept),
        number[tracks.user[kept]],
        tracks.time_s[kept],
        tracks.position_m[kept],
        tracks.line[kept],
    )


def _users(table: TextTable) -> list[str]:
    """Reads the name of each row's UE."""
    found = [name for name in ("user", "id") if name in table.columns]
    if len(found) != 1:
        wrong = "there is a column user and a column id; leave one of them out." if found else "no column user (or id)."
        raise TrajectoryError(f"{table.path}, line 1: {wrong}")
    names = [entry.strip() for entry in table.columns[found[0]]]
    if "" in names:
        raise table.error(names.index(""), "the user has no name.")
    return names


def _require_times(tracks: RecordedTrajectories, max_gap_s: float) -> None:
    same = np.diff(tracks.user, prepend=-1) == 0  # a point with one of the same UE before it
    step_s = np.diff(tracks.time_s, prepend=0.0)
    if (point := tracks.first(same & (step_s == 0.0))) is not None:
        name = tracks.names[tracks.user[point]]
        raise tracks.error(point, f"user '{name}' is at time_s {tracks.time_s[point]:g} twice; leave one of them out.")
    if (point := tracks.first(same & (step_s < 0.0))) is not None:
        name, now, before = tracks.names[tracks.user[point]], tracks.time_s[point], tracks.time_s[point - 1]
        raise tracks.error(point, f"user '{name}' goes back from time_s {before:g} to {now:g}; sort the rows by time.")
    if (point := tracks.first(same & (step_s > max_gap_s))) is not None:
        name = tracks.names[tracks.user[point]]
        raise tracks.error(
            point,
            f"user '{name}' was last seen {step_s[point]:g} s before, but max_gap_s is {max_gap_s:g}; "
            "fill the gap or raise max_gap_s.",
        )
    if (point := tracks.first((tracks.points == 1)[tracks.user])) is not None:
        name = tracks.names[tracks.user[point]]
        raise tracks.error(
            point, f"user '{name}' has a single point; a trajectory needs two; add one, or leave this user out."
        )


def _require_speeds(tracks: RecordedTrajectories) -> None:
    same = np.diff(tracks.user, prepend=-1) == 0
    way = np.diff(np.nan_to_num(tracks.position_m), axis=0, prepend=np.zeros((1, 3)))
    step_s = np.where(same, np.diff(tracks.time_s, prepend=-1.0), 1.0)
    speed_kmh = 3.6 * np.linalg.norm(way, axis=1) / step_s
    if (point := tracks.first(same & (speed_kmh > MAX_SPEED_KMH * (1.0 + 1e-9)))) is not None:
        name = tracks.names[tracks.user[point]]
        raise tracks.error(
            point,
            f"user '{name}' jumps {np.linalg.norm(way[point]):.4g} m in {step_s[point]:g} s, which is "
            f"{speed_kmh[point]:.4g} km/h; at most {MAX_SPEED_KMH:g} km/h are accepted.",
        )
