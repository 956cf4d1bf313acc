"""Chooses the folder that a run writes to, and refuses one that it may not touch."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import yaml12
from ..config.loading import UNHASHED, drop_hash, load, resolved, scenario_hash
from ..errors import ScenarioError, shown
from ..families.schema import ScenarioBase
from ..files import clean_up, write_atomically
from .claims import FOLDER as CLAIMS
from .provenance import Provenance, foreign
from .shards import RunKey, attributes_of, is_of

RUNS = Path("runs")
SCENARIO_FILE = "scenario.yaml"
MARKER = ".fairwave-run"
"""A file that fairwave alone writes: only in a folder that has it, runs replace or remove anything."""
_OWN = (
    MARKER,
    SCENARIO_FILE,
    "metrics.csv",
    "summary.csv",
    "paired.csv",
    "paired_variants.csv",
    "meta.json",
    "report.html",
    "plots",
    "shards",
)
_SIGNS = (
    b'name="generator" content="fairwave"',  # a page
    b" - fairwave</title>\n<style>\n:root { color-scheme",  # a page of an older fairwave
    b"Software\0fairwave",  # PNG
    b"<dc:title>fairwave</dc:title>",  # SVG
    b"/Creator (fairwave)",  # PDF
    b"<!-- fairwave -->",  # GraphML, Markdown
    b"% fairwave\n",  # LaTeX
)
_SIGNED_BYTES = 4096  # signs stand that near to a file's beginning or end
_MARK = "fairwave writes to this folder: it replaces the files of the run in it and leaves all others alone.\n"


def choose(
    scenario: ScenarioBase, out: str | Path | None, resume: bool, made: Mapping[RunKey, Provenance] | None = None
) -> Path:
    """Chooses the folder for a run; nothing is written yet, but it can be.

    Args:
        scenario: what will run.
        out: the folder itself; left out, one below ``runs/`` named by the scenario and its hash.
        resume: go on in a folder that holds part of this very run; below ``runs/`` one that other code or another
            device has made is passed over.
        made: what would compute each allocator and variant now.

    Raises:
        ScenarioError: the folder holds something else, or cannot be written.
    """
    made = made or {}
    folder = _named(scenario, Path(out), resume, made) if out is not None else _default(scenario, resume, made)
    probe(folder)
    return folder


def open_folder(folder: Path, scenario: ScenarioBase) -> None:
    """Makes the folder that a run writes to: the marker and the scenario in it, nothing half-written."""
    _require_free(folder)  # another program may have written there while the first batch ran
    write_atomically(folder / MARKER, _MARK)
    clean_up(folder, _OWN)
    write_atomically(folder / SCENARIO_FILE, yaml12.dump(resolved(scenario)))


def is_marked(folder: Path) -> bool:
    """Checks whether fairwave has made this folder for a run."""
    return (folder / MARKER).is_file()


def scenario_of(folder: Path) -> ScenarioBase:
    """Loads the scenario of a run folder.

    Raises:
        ScenarioError: this is no run folder.
    """
    if not (folder / SCENARIO_FILE).is_file():
        if not folder.exists():
            raise ScenarioError(f"{folder} is no run folder: it does not exist")
        hint = f"; the runs of a sweep are in {folder / 'points'}" if (folder / "points").is_dir() else ""
        raise ScenarioError(f"{folder} is no run folder: there is no {SCENARIO_FILE} in it{hint}")
    return load(folder / SCENARIO_FILE)


def require_ours(path: Path, force: bool = False, remedy: str = "or give --force to overwrite it") -> None:
    """Refuses to overwrite a file that fairwave has not written.

    Args:
        path: where a page or a picture is to be written.
        force: overwrite whatever is there.
        remedy: what to do but to name another file.

    Raises:
        ScenarioError: there is something else.
    """
    if force or not path.exists() or path.is_dir():  # what a folder is told elsewhere
        return
    if not path.is_file() or not any(sign in _both_ends(path) for sign in _SIGNS):
        raise ScenarioError(
            f"{path} is there already and nothing that fairwave has written; name another file, {remedy}"
        )


def _both_ends(path: Path) -> bytes:
    with path.open("rb") as file:
        begin = file.read(_SIGNED_BYTES)
        file.seek(max(0, path.stat().st_size - _SIGNED_BYTES))
        return begin + file.read(_SIGNED_BYTES)


def explain_no_shards(folder: Path, scenario: ScenarioBase, of: str = "") -> str:
    """Reports why a run folder holds no whole shard that counts: the run is not finished, or the scenario differs.

    Args:
        folder: of the run.
        scenario: what its scenario file says now.
        of: the allocator of the shards in words, as " of 'equal'".
    """
    found = [attributes for path in folder.glob("shards/*/*/drops-*.nc") if (attributes := attributes_of(path))]
    known = {str(attributes.get("scenario_hash")) for attributes in found}
    if known and not any(is_of(attributes, (drop_hash(scenario), scenario_hash(scenario))) for attributes in found):
        return (
            f"{folder / SCENARIO_FILE} is not the scenario that the shards beside it were made with (hash "
            f"{scenario_hash(scenario)}, theirs {', '.join(sorted(known))}): it was edited, or another version of "
            "fairwave made them; put the old file back, or run the new one into another folder"
        )
    return f"{folder} holds no whole shard{of} yet; finish the run with --resume"


def _named(scenario: ScenarioBase, folder: Path, resume: bool, made: Mapping[RunKey, Provenance]) -> Path:
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(f"--out {folder} is a file; name a folder")
    if _is_free(folder):
        return folder
    if not resume and is_marked(folder):
        raise ScenarioError(f"{folder} is not empty; name another folder, or give --resume to go on with the run in it")
    _require_free(folder)
    there = scenario_of(folder)
    if drop_hash(there) != drop_hash(scenario):
        raise ScenarioError(
            f"{folder} holds the run of another scenario, which --resume would mix up: {differences(there, scenario)}"
        )
    if there.drops > scenario.drops:
        raise ScenarioError(f"{folder} holds a run of {there.drops} drops, and {scenario.drops} are asked for: with "
                            "--resume they can become more, not fewer; name another folder")  # fmt: skip
    if mixed := foreign(folder, made):
        raise ScenarioError(mixed)
    return folder


def _is_free(folder: Path) -> bool:
    """Returns whether there is nothing in a folder, or nothing but what a run that was killed at once has left."""
    return not folder.exists() or all(path.name in (MARKER, CLAIMS) for path in folder.iterdir())


def _require_free(folder: Path) -> None:
    """Refuses a folder whose files are not for a run to replace.

    Raises:
        ScenarioError: there is something in it and no marker; it says whether an older fairwave made it.
    """
    if is_marked(folder) or _is_free(folder):
        return
    if any(folder.glob("shards/*/*/drops-*.nc")):
        raise ScenarioError(
            f"{folder} is not empty: it holds a run of an older fairwave, which can be read and reported, but not "
            "gone on with; name another folder"
        )
    raise ScenarioError(
        f"{folder} is not empty and no run folder of fairwave's (there is no {MARKER} in it), so nothing is written "
        "there; name a folder that is new or empty"
    )


def _default(scenario: ScenarioBase, resume: bool, made: Mapping[RunKey, Provenance]) -> Path:
    taken = _taken(scenario)
    if resume:
        same = [path for path in taken if is_marked(path) and _is_of(path, scenario) and foreign(path, made) is None]
        if same:
            return _latest(same)
        for unknown in dict.fromkeys(
            provenance.unknown for provenance in made.values() if provenance.unknown and taken
        ):
            warnings.warn(f"no run is gone on with, a new folder is begun: {unknown}", stacklevel=2)
    return _new(scenario, taken)


def resumable(scenario: ScenarioBase, resume: bool) -> Path:
    """Finds the folder below ``runs/`` of a run that began with these drops and may have gone on to more of them.

    Args:
        scenario: with the drops that the run begins with.
        resume: go on in it; otherwise, and where there is none, a new one is named.
    """
    taken = _taken(scenario)
    same = [path for path in taken if resume and is_marked(path) and _is_of(path, scenario, drop_hash)]
    return _latest(same) if same else _new(scenario, taken)


def _base(scenario: ScenarioBase) -> str:
    return f"{scenario.name}-{scenario_hash(scenario)[:8]}"


def _taken(scenario: ScenarioBase) -> list[Path]:
    """Lists the folders below ``runs/`` that have the name of a scenario and its hash."""
    name = re.compile(rf"{re.escape(_base(scenario))}(-\d+)?")
    return [path for path in RUNS.glob(f"{_base(scenario)}*") if name.fullmatch(path.name)]


def _new(scenario: ScenarioBase, taken: Sequence[Path]) -> Path:
    base = _base(scenario)
    numbered = (RUNS / (base if n == 1 else f"{base}-{n}") for n in range(1, len(taken) + 2))
    return next(path for path in numbered if path not in taken)


def _latest(folders: Sequence[Path]) -> Path:
    return max(folders, key=lambda path: (path / SCENARIO_FILE).stat().st_mtime)


def _is_of(folder: Path, scenario: ScenarioBase, digest: Callable[[ScenarioBase], str] = scenario_hash) -> bool:
    try:
        return digest(scenario_of(folder)) == digest(scenario)
    except ScenarioError:
        return False


def probe(folder: Path) -> None:
    """Writes a trial file before anything runs, and removes it.

    Raises:
        ScenarioError: the folder cannot be written or is full.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        write_atomically(folder / f"{MARKER}-probe", b"")
        (folder / f"{MARKER}-probe").unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # another run may have begun to write there meanwhile
            for path in made:
                path.rmdir()


def differences(a: ScenarioBase, b: ScenarioBase) -> str:
    """Reports what two scenarios differ in: ``seed is 1 there and 2 here``, at most five of them."""
    changed = [one for one in changed_settings(a, b) if one[0].split(".")[0] not in UNHASHED]
    texts = [f"{key} is {shown(there)} there and {shown(here)} here" for key, there, here in changed[:5]]
    return "; ".join(texts) + (f"; and {len(changed) - 5} more" if len(changed) > 5 else "")


def changed_settings(a: ScenarioBase, b: ScenarioBase) -> list[tuple[str, Any, Any]]:
    """Lists the settings that two scenarios differ in, as (dotted key, value in a, value in b); None: not there."""
    there, here = dict(_leaves(resolved(a))), dict(_leaves(resolved(b)))
    return [(key, there.get(key), here.get(key)) for key in {**there, **here} if there.get(key) != here.get(key)]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield path, value
    for key, inner in items:
        yield from _leaves(inner, f"{path}.{key}".lstrip("."))
