"""Which folder a run writes to, and whether it may."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import yaml
from .errors import ScenarioError, shown
from .fingerprint import Maker, foreign
from .loading import UNHASHED, load, resolved, scenario_hash
from .schema import ScenarioBase
from .shards import Cell, attributes_of, clean_up, write_atomically

RUNS = Path("runs")
SCENARIO_FILE = "scenario.yaml"


def choose(
    scenario: ScenarioBase, out: str | Path | None, resume: bool, made: Mapping[Cell, Maker] | None = None
) -> Path:
    """The folder for a run; nothing is written yet, but it can be.

    Args:
        scenario: what will run.
        out: the folder itself; left out, one below ``runs/`` named by the scenario and its hash.
        resume: go on in a folder that holds part of this very run; below ``runs/`` one that other code or another
            device has made is passed over.
        made: what would compute each cell now.

    Raises:
        ScenarioError: the folder holds something else, or cannot be written.
    """
    made = made or {}
    folder = _named(scenario, Path(out), resume, made) if out is not None else _default(scenario, resume, made)
    _probe(folder)
    return folder


def open_folder(folder: Path, scenario: ScenarioBase) -> None:
    """Make the folder what a run writes to: the scenario in it, nothing half-written."""
    if folder.exists():
        clean_up(folder)
    write_atomically(folder / SCENARIO_FILE, yaml.dump(resolved(scenario)))


def scenario_of(folder: Path) -> ScenarioBase:
    """The scenario of a run folder.

    Raises:
        ScenarioError: this is no run folder.
    """
    if not (folder / SCENARIO_FILE).is_file():
        raise ScenarioError(f"{folder} is no run folder: there is no {SCENARIO_FILE} in it")
    return load(folder / SCENARIO_FILE)


def why_nothing(folder: Path, scenario: ScenarioBase, of: str = "") -> str:
    """Says why a run folder holds no whole shard that counts: the run is not finished, or the scenario is another one.

    Args:
        folder: of the run.
        scenario: what its scenario file says now.
        of: whose shards are meant, as " of 'equal'".
    """
    known = {str(found.get("scenario_hash")) for path in folder.glob("shards/*/*/drops-*.nc")
             if (found := attributes_of(path)) is not None}  # fmt: skip
    if known and scenario_hash(scenario) not in known:
        return (
            f"{folder / SCENARIO_FILE} is not the scenario that the shards beside it were made with (hash "
            f"{scenario_hash(scenario)}, theirs {', '.join(sorted(known))}): it was edited, or another version of "
            "fairwave made them; put the old file back, or run the new one into another folder"
        )
    return f"{folder} holds no whole shard{of} yet; finish the run with --resume"


def _named(scenario: ScenarioBase, folder: Path, resume: bool, made: Mapping[Cell, Maker]) -> Path:
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(f"--out {folder} is a file; name a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return folder
    if not resume:
        raise ScenarioError(f"{folder} is not empty; name another folder, or give --resume to go on with the run in it")
    there = scenario_of(folder)
    if scenario_hash(there) != scenario_hash(scenario):
        raise ScenarioError(
            f"{folder} holds the run of another scenario, which --resume would mix up: {differences(there, scenario)}"
        )
    if mixed := foreign(folder, made):
        raise ScenarioError(mixed)
    return folder


def _default(scenario: ScenarioBase, resume: bool, made: Mapping[Cell, Maker]) -> Path:
    base = f"{scenario.name}-{scenario_hash(scenario)[:8]}"
    name = re.compile(rf"{re.escape(base)}(-\d+)?")
    taken = [path for path in RUNS.glob(f"{base}*") if name.fullmatch(path.name)]
    if resume:
        same = [path for path in taken if _is_of(path, scenario) and foreign(path, made) is None]
        if same:
            return max(same, key=lambda path: (path / SCENARIO_FILE).stat().st_mtime)
    numbered = (RUNS / (base if n == 1 else f"{base}-{n}") for n in range(1, len(taken) + 2))
    return next(path for path in numbered if path not in taken)


def _is_of(folder: Path, scenario: ScenarioBase) -> bool:
    try:
        return scenario_hash(scenario_of(folder)) == scenario_hash(scenario)
    except ScenarioError:
        return False


def _probe(folder: Path) -> None:
    """Try to write before anything runs, and leave no trace of it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        write_atomically(folder / ".probe", b"")
        (folder / ".probe").unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # another run may have begun to write there meanwhile
            for path in made:
                path.rmdir()


def differences(a: ScenarioBase, b: ScenarioBase) -> str:
    """What two scenarios differ in: ``seed is 1 there and 2 here``, at most five of them."""
    there, here = dict(_leaves(resolved(a))), dict(_leaves(resolved(b)))
    changed = [
        key for key in {**there, **here} if there.get(key) != here.get(key) and key.split(".")[0] not in UNHASHED
    ]
    texts = [f"{key} is {shown(there.get(key))} there and {shown(here.get(key))} here" for key in changed[:5]]
    return "; ".join(texts) + (f"; and {len(changed) - 5} more" if len(changed) > 5 else "")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield path, value
    for key, inner in items:
        yield from _leaves(inner, f"{path}.{key}".lstrip("."))
