"""Describes errors of plug-ins: allocator, text, line of the plug-in's source; tells a user's files from others."""

from __future__ import annotations

import difflib
import functools
import os
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_OWN = tuple(_ROOT / room for room in ("phy", "mac", "allocators", "scenarios"))
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
_PACKAGES = ("site-packages", "dist-packages")


def error_text(error: BaseException) -> str:
    """Returns the text of an error, of a class whose ``__str__`` may itself raise."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # sys.exit() too
        return f"its text cannot be shown, {type(error).__name__}.__str__ raised {type(failure).__name__}"


def describe_error(error: BaseException) -> str:
    """Returns an error's type, text and noted hint, as in ``ZeroDivisionError: division by zero``."""
    text, hint = error_text(error), _noted(error, "hint") or ""
    return f"{type(error).__name__}: {text}{hint}" if text else type(error).__name__


def note_hint(error: BaseException, seen: Mapping[str, object]) -> None:
    """Notes in an error about a missing attribute which attributes of the same objects have a similar name.

    Args:
        error: that a plug-in raised.
        seen: what it was given, by name: ``observation``, ``context``.
    """
    if not isinstance(error, AttributeError) or not any(error.obj is one for one in seen.values()):
        return
    known = {whole: [name for name in dir(one) if name[0] != "_"] for whole, one in seen.items() if one is not None}
    near = difflib.get_close_matches(str(error.name), {name for names in known.values() for name in names}, 1)
    places = [f"{whole}.{near[0]}" for whole, names in known.items() if near and near[0] in names]
    listed = "; ".join(f"the {whole} has {', '.join(names)}" for whole, names in known.items())
    _note(error, "hint", f"; did you mean {' or '.join(places)}?" if places else f": {listed}")


def note_allocator(error: BaseException, name: str) -> None:
    """Notes in an error which allocator raised it, also where its class forbids attributes."""
    _note(error, "allocator", name)


def allocator_of(error: BaseException) -> str | None:
    """Returns the allocator that :func:`note_allocator` noted; None without one."""
    return _noted(error, "allocator")


def _note(error: BaseException, what: str, text: str) -> None:
    BaseException.__setattr__(error, what, text)


def _noted(error: BaseException, what: str) -> str | None:
    text = BaseException.__getattribute__(error, "__dict__").get(what)
    return text if isinstance(text, str) else None


def is_own(thing: object) -> bool:
    """Returns whether an object is of a class of fairwave's own, without methods put on it by others."""
    kind = type(thing)
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if file is None or getattr(module, kind.__qualname__, None) is not kind:
        return False
    patched = {"reset", "decide"} & getattr(thing, "__dict__", {}).keys()
    return not patched and any(Path(file).resolve().is_relative_to(room) for room in _OWN)


def plug_in_line(error: BaseException) -> str:
    """Returns the innermost line of the user's own code in an error or its cause, as in `` (plug.py, line 38)``.

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
    """Yields the frames that are neither fairwave's nor Python's, from the outermost to the innermost."""
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if not frame.filename.startswith("<") and not _is_known(Path(frame.filename).resolve()):
                yield frame
        error = error.__cause__


def _is_known(path: Path) -> bool:
    standard = path.is_relative_to(_STANDARD) and not any(part in _PACKAGES for part in path.parts)
    return standard or any(path.is_relative_to(room) for room in _OWN)


def _short(filename: str) -> str:
    """Returns a path relative to the current folder where it lies below it."""
    path, here = Path(filename).resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename


def is_user_file(path: str) -> bool:
    """Returns whether a file is a user's own: not of Python, an installed package, fairwave, the system or a cache."""
    packages = any(part in (*_PACKAGES, "__pycache__") for part in Path(path).parts)
    return not packages and not path.startswith(_not_of_user())


@functools.cache
def _not_of_user() -> tuple[str, ...]:
    """Returns the beginnings of paths of files that are no plug-in and no data of a user."""
    named = ("stdlib", "platstdlib", "purelib", "platlib", "include", "scripts")
    python = [*map(sysconfig.get_path, named), *site.getsitepackages(), site.getusersitepackages()]
    python += [os.path.join(prefix, sub) for prefix in {sys.prefix, sys.base_prefix} for sub in ("lib", "bin", "share")]
    python += (sysconfig.get_config_var("TZPATH") or "").split(os.pathsep)  # time zones, which pandas reads
    caches = [os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")]
    caches += [os.path.expanduser(place) for place in ("~/.cache", "~/.config", "~/.triton", "~/.nv")]
    rooms = [*map(str, _OWN), *(os.path.join(__file__, "../..", room.name) for room in _OWN)]  # and by way of a link
    places = [os.path.abspath(place) + os.sep for place in (*python, *caches, *rooms) if place]
    return (*places, "/proc/", "/sys/", "/dev/", "/etc/")
