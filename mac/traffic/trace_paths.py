"""Finds the files that a scenario names by patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .trace import TraceError

DATA_VARIABLE = "FAIRWAVE_DATA"
"""Environment variable with one more folder to search."""

MOST_FILES = 10_000
"""Files that a pattern may match."""
_MOST_PLACES = 100_000  # entries looked at for a pattern: below /proc or / there is no end of them


def search_folders(folders: Sequence[str | Path] = ()) -> list[Path]:
    """Lists the folders to search in order: those given, that of ``FAIRWAVE_DATA``, ``data``, ``../shared/data``."""
    variable = os.environ.get(DATA_VARIABLE, "")
    extra = [variable] if variable else []
    return [Path(folder).absolute() for folder in (*folders, *extra, "data", "../shared/data")]


def resolve(patterns: Sequence[str], folders: Sequence[str | Path] = ()) -> list[Path]:
    """Finds the files that match the patterns, absolute, each once, in the order of their names.

    Each pattern is a path or a glob (``*``, ``?``, ``[...]``, ``**``), absolute or relative. A relative one is looked
    for in :func:`search_folders`; the first folder that has a match supplies all of that pattern's files.

    Raises:
        TraceError: a pattern matches no file, or more than ``MOST_FILES``.
    """
    places = search_folders(folders)
    found = {path for pattern in patterns for path in _match(pattern, places)}
    # by name first: the order decides which UE replays which file and should not depend on their folders
    return sorted(found, key=lambda path: (path.name, str(path)))


def _match(pattern: str, places: Sequence[Path]) -> list[Path]:
    if Path(pattern).is_absolute():
        if files := match_files(Path(pattern)):
            return files
        raise TraceError(f"no file matches '{pattern}'.")
    for place in places:
        if files := match_files(place / pattern):
            return files
    searched = ", ".join(str(place) for place in places)
    raise TraceError(
        f"no file matches '{pattern}'; searched beside the scenario file and in {searched}. "
        f"Put the files there or set {DATA_VARIABLE} to the folder that holds them."
    )


def match_files(path: Path) -> list[Path]:
    """Finds the files that an absolute path or pattern matches.

    Raises:
        TraceError: they are more than ``MOST_FILES``.
    """
    if path.is_file():  # also a name with brackets in it
        return [_normal(path)]
    files: list[Path] = []
    for place, match in enumerate(_places(path)):
        files += [_normal(match)] if match.is_file() else []
        if len(files) > MOST_FILES or place > _MOST_PLACES:
            raise TraceError(
                f"'{path}' matches more than {MOST_FILES:,} files, or too many folders; name the files more narrowly."
            )
    return files


def _places(pattern: Path) -> Iterator[Path]:
    """Yields what a pattern matches, and every folder that ``**`` leads through; follows no symbolic link."""
    if "**" not in pattern.parts:
        yield from map(Path, glob.iglob(str(pattern)))
        return
    first = pattern.parts.index("**")
    after = pattern.parts[first + 1 :] or ("*",)
    for base in _places(Path(*pattern.parts[:first])):
        for folder, inner, _ in os.walk(base):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            yield Path(folder)
            yield from _places(Path(glob.escape(folder), *after))


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))
