"""Finds the files that a scenario names by patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from .table import TraceError

DATA_VARIABLE = "FAIRWAVE_DATA"
"""Environment variable with one more folder to search."""


def search_folders(folders: Sequence[str | Path] = ()) -> list[Path]:
    """Folders searched in this order: those given, that of ``FAIRWAVE_DATA``, ``data``, ``../shared/data``."""
    variable = os.environ.get(DATA_VARIABLE, "")
    extra = [variable] if variable else []
    return [Path(folder).absolute() for folder in (*folders, *extra, "data", "../shared/data")]


def resolve(patterns: Sequence[str], folders: Sequence[str | Path] = ()) -> list[Path]:
    """Files that match the patterns, absolute, each once, in the order of their names.

    Each pattern is a path or a glob (``*``, ``?``, ``[...]``, ``**``), absolute or relative. A relative one is looked
    for in :func:`search_folders`; the first folder that has a match supplies all of that pattern's files.

    Raises:
        TraceError: a pattern matches no file.
    """
    places = search_folders(folders)
    found = {path for pattern in patterns for path in _match(pattern, places)}
    # by name first: the order decides which user replays which file and should not depend on where they lie
    return sorted(found, key=lambda path: (path.name, str(path)))


def _match(pattern: str, places: Sequence[Path]) -> list[Path]:
    if Path(pattern).is_absolute():
        if files := _files(Path(pattern)):
            return files
        raise TraceError(f"no file matches '{pattern}'.")
    for place in places:
        if files := _files(place / pattern):
            return files
    searched = ", ".join(str(place) for place in places)
    raise TraceError(
        f"no file matches '{pattern}'; searched beside the scenario file and in {searched}. "
        f"Put the files there or set {DATA_VARIABLE} to the folder that holds them."
    )


def _files(path: Path) -> list[Path]:
    if path.is_file():  # also a name with brackets in it
        return [_normal(path)]
    return [_normal(Path(match)) for match in glob.glob(str(path), recursive=True) if Path(match).is_file()]


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))
