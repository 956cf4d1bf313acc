"""Where in a plug-in's source something went wrong, and which files are a user's."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_OWN = tuple(_ROOT / room for room in ("phy", "mac", "allocators", "scenarios"))
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
_PACKAGES = ("site-packages", "dist-packages")


def plug_in_line(error: BaseException) -> str:
    """`` (plug.py, line 38)``: the innermost line of the user's own code that an error, or its cause, went through.

    Code of libraries counts only where nothing else is there: an installed plug-in. Empty where the error was raised
    by fairwave itself.
    """
    frames = list(_foreign(error))
    own = [frame for frame in frames if not any(part in _PACKAGES for part in Path(frame.filename).parts)]
    if not frames:
        return ""
    frame = own[-1] if own else frames[0]
    return f" ({_short(frame.filename)}, line {frame.lineno})"


def _foreign(error: BaseException | None) -> Iterator[traceback.FrameSummary]:
    """Frames that are neither fairwave's nor Python's, from the outermost to the innermost."""
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if not frame.filename.startswith("<") and not _is_known(Path(frame.filename).resolve()):
                yield frame
        error = error.__cause__


def _is_known(path: Path) -> bool:
    standard = path.is_relative_to(_STANDARD) and not any(part in _PACKAGES for part in path.parts)
    return standard or any(path.is_relative_to(room) for room in _OWN)


def _short(filename: str) -> str:
    """Relative to the current folder where it lies below it."""
    path, here = Path(filename).resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename


def is_users(path: str) -> bool:
    """Does a file belong to the user: not to Python, an installed package, fairwave, the system or a cache?"""
    packages = any(part in (*_PACKAGES, "__pycache__") for part in Path(path).parts)
    return not packages and not path.startswith(_not_users())


@functools.cache
def _not_users() -> tuple[str, ...]:
    """How the paths of files begin that are nobody's plug-in or data."""
    named = ("stdlib", "platstdlib", "purelib", "platlib", "include", "scripts")
    python = [*map(sysconfig.get_path, named), *site.getsitepackages(), site.getusersitepackages()]
    python += [os.path.join(prefix, sub) for prefix in {sys.prefix, sys.base_prefix} for sub in ("lib", "bin", "share")]
    caches = [os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")]
    caches += [os.path.expanduser(place) for place in ("~/.cache", "~/.config", "~/.triton", "~/.nv")]
    rooms = [*map(str, _OWN), *(os.path.join(__file__, "../..", room.name) for room in _OWN)]  # and by way of a link
    places = [os.path.abspath(place) + os.sep for place in (*python, *caches, *rooms) if place]
    return (*places, "/proc/", "/sys/", "/dev/", "/etc/")
