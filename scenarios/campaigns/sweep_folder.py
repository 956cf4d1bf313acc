"""Keeps the folder of a sweep: a marker, a table of the points, and a run folder for each of them.

sweeps/<scenario>-<hash>/.fairwave-sweep  sweep.json  points.csv  metrics.csv  report.html  points/<what>-<hash>/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.loading import scenario_hash
from ..errors import ScenarioError
from ..families.schema import ScenarioBase
from ..files import clean_up, write_atomically
from ..results.claims import FOLDER as CLAIMS
from ..results.run_folder import is_marked as is_run
from ..results.run_folder import probe
from .definition import Definition
from .points import Point, Space

SWEEPS = Path("sweeps")
MARKER = ".fairwave-sweep"
"""A file that fairwave alone writes: only in a folder that has it, a sweep replaces or removes anything."""
RECORD, TABLE, METRICS, PAGE, POINTS = "sweep.json", "points.csv", "metrics.csv", "report.html", "points"
_MARK = "fairwave writes to this folder: it replaces the files of the sweep in it and leaves all others alone.\n"


@dataclass(frozen=True)
class StoredPoint:
    """Names a point of a sweep and the folder of its run, which need not be there yet."""

    point: Point
    folder: Path
    hash: str

    @property
    def is_done(self) -> bool:
        """Checks whether the run in the folder is complete, and that of this very scenario."""
        meta = self.meta
        there = all((self.folder / name).is_file() for name in ("metrics.csv", "summary.csv"))
        began = (meta.get("until") or {}).get("scenario_hash")  # --until has added drops
        return there and bool(meta.get("complete")) and self.hash in (meta.get("hash"), began)

    @property
    def meta(self) -> dict[str, Any]:
        """Reads the meta.json of the run; empty where it is not finished."""
        return _json(self.folder / "meta.json")


def choose(definition: Definition, out: str | Path | None, resume: bool) -> Path:
    """Chooses the folder for a sweep; nothing is written yet, but it can be.

    Args:
        definition: what will run.
        out: the folder itself; left out, one below ``sweeps/`` named by the scenario and its hash.
        resume: go on in a folder that holds a sweep of this scenario, whatever varied in it.

    Raises:
        ScenarioError: the folder holds something else, or cannot be written.
    """
    folder = _named(definition, Path(out), resume) if out is not None else _default(definition, resume)
    probe(folder)
    return folder


def stored(folder: Path, points: Sequence[Point], scenarios: Sequence[ScenarioBase]) -> list[StoredPoint]:
    """Finds the folder of each point: that in which its scenario ran before, by the hash, or a new one."""
    there = {path.name.rpartition("-")[2]: path for path in (folder / POINTS).glob("*-*")}
    found = []
    for point, scenario in zip(points, scenarios, strict=True):
        digest = scenario_hash(scenario)
        name = there.get(digest[:12], folder / POINTS / point.folder(digest))
        found.append(StoredPoint(point, name, digest))
    return found


def open_folder(folder: Path, record: Mapping[str, Any]) -> None:
    """Makes the folder that a sweep writes to: the marker and the record in it, nothing half-written."""
    write_atomically(folder / MARKER, _MARK)
    clean_up(folder, (MARKER, RECORD, TABLE, METRICS, PAGE))
    write_atomically(folder / RECORD, json.dumps(record, indent=1, default=str) + "\n")


def record_of(definition: Definition, points: Sequence[StoredPoint]) -> dict[str, Any]:
    """Describes a sweep as plain values, from which :func:`read_record` and :func:`points_in` make it again."""
    return {
        "name": definition.base.name,
        "family": definition.base.family,
        "hash": definition.hash,
        "how": definition.space.how,
        "values": {key: list(values) for key, values in definition.space.values.items()},
        "points": [{"folder": one.folder.name, "hash": one.hash} for one in points],
    }


def read_record(folder: Path) -> dict[str, Any]:
    """Reads what a folder says of its sweep.

    Raises:
        ScenarioError: this is no folder of a sweep, or its record is damaged.
    """
    if not (folder / RECORD).is_file() or not (folder / MARKER).is_file():
        raise ScenarioError(f"{folder} is no sweep: there is no {RECORD} and {MARKER} in it")
    record = _json(folder / RECORD)
    if not {"name", "hash", "how", "values", "points"} <= record.keys():
        raise ScenarioError(f"{folder / RECORD} is damaged; start the sweep again with --resume, which writes it anew")
    return record


def points_in(folder: Path, record: Mapping[str, Any]) -> list[StoredPoint]:
    """Lists the points that a record tells."""
    space = Space(record["how"], record["values"])
    return [
        StoredPoint(point, folder / POINTS / one["folder"], one["hash"])
        for point, one in zip(space.points(), record["points"], strict=True)
    ]


def is_sweep(folder: Path) -> bool:
    """Checks whether fairwave has made this folder for a sweep."""
    return (folder / MARKER).is_file()


def _named(definition: Definition, folder: Path, resume: bool) -> Path:
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(f"--out {folder} is a file; name a folder")
    if not folder.exists() or all(path.name in (MARKER, CLAIMS) for path in folder.iterdir()):
        return folder
    if not is_sweep(folder):
        what = "a run; name another folder" if is_run(folder) else "no sweep of fairwave's; name one that is new"
        raise ScenarioError(f"{folder} is not empty, and holds {what}")
    if not resume:
        raise ScenarioError(
            f"{folder} is not empty; name another folder, or give --resume to go on with the sweep in it"
        )
    if (known := _json(folder / RECORD).get("hash")) not in (None, definition.hash):
        raise ScenarioError(
            f"{folder} holds a sweep of another scenario (hash {known}, this one {definition.hash}): with --resume "
            "what varies may change, but not what all points share, such as drops; name another folder"
        )
    return folder


def _default(definition: Definition, resume: bool) -> Path:
    base = f"{definition.base.name}-{definition.hash[:8]}"
    name = re.compile(rf"{re.escape(base)}(-\d+)?")
    taken = [path for path in SWEEPS.glob(f"{base}*") if name.fullmatch(path.name)]
    same = [path for path in taken if is_sweep(path) and _json(path / RECORD).get("hash") == definition.hash]
    if resume and same:
        return max(same, key=lambda path: (path / RECORD).stat().st_mtime)
    numbered = (SWEEPS / (base if n == 1 else f"{base}-{n}") for n in range(1, len(taken) + 2))
    return next(path for path in numbered if path not in taken)


def _json(path: Path) -> dict[str, Any]:
    """Reads a file of plain values; empty where there is none, or a damaged one."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
