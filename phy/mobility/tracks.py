"""Recorded trajectories: a CSV file of who was where, and when.

Columns ``user`` (or ``id``), ``time_s``, ``x_m``, ``y_m`` and, if wanted, ``z_m``; others are ignored. Rows of several
users may alternate, those of one user are in the order of time.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .journey import MAX_SPEED_KMH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NUMBERS = ("time_s", "x_m", "y_m")
_KIND = "a trajectory file with the columns user (or id), time_s, x_m, y_m and, if wanted, z_m is expected"


class TrackError(ValueError):
    """A trajectory file that cannot be used. Says which file, where possible which line, and what to do."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """The points of a file, those of a user together and in the order of time."""

    path: Path
    names: tuple[str, ...]  # [n] of the users, in the order in which they first appear
    user: Ints  # [p] number of each point's user, ascending
    time_s: Floats  # [p]
    position_m: Floats  # [p, 3], z is NaN where the file has none
    line: Ints  # [p] of the file

    @property
    def points(self) -> Ints:
        """Points of each user, ``[n]``."""
        return np.bincount(self.user, minlength=len(self.names))

    def error(self, point: int, message: str) -> TrackError:
        """An error in the line of one point."""
        return TrackError(f"{self.path}, line {self.line[point]}: {message}")

    def first(self, bad: NDArray[np.bool_]) -> int | None:
        """The point of those marked that stands first in the file."""
        found = np.flatnonzero(bad)
        return int(found[self.line[found].argmin()]) if len(found) else None


def read_tracks(path: str | Path, max_gap_s: float = 60.0) -> Tracks:
    """Read and check a file, plain or gzipped.

    Args:
        path: the file.
        max_gap_s: longest time between two points of a user.

    Raises:
        TrackError: the file is missing, empty, binary, cut off or has other columns; an entry is not a finite number; a
            time is negative, occurs twice or goes back; a gap is longer than ``max_gap_s``; a user moves faster than
            500 km/h from point to point, or has a single point.
    """
    tracks = _parse(Path(path).absolute())
    _require_times(tracks, max_gap_s)
    _require_speeds(tracks)
    return tracks


def _parse(path: Path) -> Tracks:
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise TrackError(f"{path}, line {reader.line_num}: not a CSV file ({error}).") from None
    if not rows:
        raise TrackError(f"{path}: the file is empty; {_KIND}.")
    who, where = _columns(path, [name.strip() for name in rows[0][1]])
    body = rows[1:]
    if not body:
        raise TrackError(f"{path}: nothing follows the header; {_KIND}.")
    for line, row in body:
        if len(row) != len(rows[0][1]):
            cut = " The file is cut off there." if line == body[-1][0] and len(row) < len(rows[0][1]) else ""
            raise TrackError(f"{path}, line {line}: {len(row)} columns instead of {len(rows[0][1])}.{cut}")
    values = np.array([[_number(path, line, name, row[i]) for name, i in where.items()] for line, row in body])
    if "z_m" not in where:
        values = np.column_stack((values, np.full(len(values), np.nan)))
    names = [_name(path, line, row[who]) for line, row in body]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    user = np.array([number[name] for name in names], dtype=np.int64)
    order = np.argsort(user, kind="stable")
    lines = np.array([line for line, _ in body], dtype=np.int64)
    return Tracks(path, tuple(number), user[order], values[order, 0], values[order, 1:], lines[order])


def _columns(path: Path, header: list[str]) -> tuple[int, dict[str, int]]:
    """Place of the users' names, and of each column of numbers."""
    found = ", ".join(name for name in header if name)[:200]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise TrackError(f"{path}, line 1: these columns appear more than once: {', '.join(twice)}.")
    who = [name for name in ("user", "id") if name in header]
    missing = [name for name in _NUMBERS if name not in header] + ([] if who else ["user (or id)"])
    if missing:
        raise TrackError(f"{path}, line 1: missing columns: {', '.join(missing)}; found: {found}; {_KIND}.")
    if len(who) == 2:
        raise TrackError(f"{path}, line 1: there is a column user and a column id; leave one of them out.")
    wanted = (*_NUMBERS, "z_m") if "z_m" in header else _NUMBERS
    return header.index(who[0]), {name: header.index(name) for name in wanted}


def _number(path: Path, line: int, column: str, entry: str) -> float:
    try:
        if "_" in entry:  # a number to Python, and to nobody else
            raise ValueError
        value = float(entry)
    except ValueError:
        message = f"{column} is '{entry[:40]}', which is not a number."
        raise TrackError(f"{path}, line {line}: {message}") from None
    if not np.isfinite(value):
        raise TrackError(f"{path}, line {line}: {column} is {entry.strip()}, but it must be finite.")
    if column == "time_s" and value < 0.0:
        raise TrackError(f"{path}, line {line}: time_s is {value:g}, but times count from 0, the start of the run.")
    return value


def _name(path: Path, line: int, entry: str) -> str:
    if not entry.strip():
        raise TrackError(f"{path}, line {line}: the user has no name.")
    return entry.strip()


def _require_times(tracks: Tracks, max_gap_s: float) -> None:
    same = np.diff(tracks.user, prepend=-1) == 0  # a point with one of the same user before it
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
        raise tracks.error(point, f"user '{name}' has a single point; a trajectory needs two, or take him out.")


def _require_speeds(tracks: Tracks) -> None:
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


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TrackError(f"{path}: the gzip file is damaged or cut off ({error}).") from None
    except OSError as error:
        raise TrackError(f"{path}: cannot be read: {error.strerror or error}.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrackError(f"{path}: not a text file in UTF-8 (byte {error.start}); {_KIND}.") from None
    if "\0" in text:
        raise TrackError(f"{path}: a binary file; {_KIND}.")
    return text
