"""Writes files so that each is there as a whole or not at all, and removes what a killed writer left."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from .errors import ScenarioError

_TEMPORARY = re.compile(r"\.(?P<pid>\d+)-(?P<name>.+)\.tmp")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a file so that it is there as a whole or not at all.

    Raises:
        ScenarioError: the folder cannot be written or is full.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.parent / f".{os.getpid()}-{path.name}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        remedy = "; make room, then go on with --resume" if error.errno == errno.ENOSPC else ""
        raise ScenarioError(f"cannot write {path}: {error.strerror or error}{remedy}") from None
    finally:
        if temporary.exists():
            temporary.unlink()


def clean_up(run: Path, own: Iterable[str]) -> None:
    """Removes what writers that are no longer alive left half-written.

    Args:
        run: the run's folder.
        own: names of the files and folders in it that runs write; nothing else is touched.
    """
    import psutil

    inside = (path for name in own for path in (run / name).rglob(".*.tmp"))
    for path in (*run.glob(".*.tmp"), *inside):
        named = _TEMPORARY.fullmatch(path.name)
        if named is None or (path.parent == run and named["name"] not in own):
            continue
        if int(named["pid"]) == os.getpid() or not psutil.pid_exists(int(named["pid"])):
            path.unlink(missing_ok=True)
