"""Plain loops compiled for the CPU: what a slot does to hundreds of users is quick in machine code, and dear in calls.

A compiled function takes arrays and writes into arrays. Nothing is contracted or reordered, so that its numbers are
those of the same loops in Python, in every batch and on every thread. Each has a form in torch with the same numbers,
which serves other devices, and the CPU where nothing can be compiled.

Modules that hold compiled functions are imported where :func:`available` said yes, for numba takes long to import.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from pickle import PickleError
from traceback import walk_tb
from typing import Any, ClassVar, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

SWITCH = "FAIRWAVE_COMPILE"
"""Environment variable; 0 leaves everything to torch."""


_given_up: list[str] = []  # why, once the compiler has failed in this process


def wanted() -> bool:
    """Whether anything is to be compiled, on a CPU or a GPU: unless the environment says no."""
    return os.environ.get(SWITCH) != "0"


@cache
def available() -> bool:
    """Whether functions can be compiled here; where they cannot though they should, that is said, once."""
    if _given_up or not wanted() or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    try:
        import numba  # noqa: F401

        from . import log_grid_numba  # noqa: F401  # all that is taken of it
    except Exception as error:  # numba refuses versions of NumPy with other kinds of errors, too
        slower(error)
        return False
    return True


def give_up(error: Exception) -> None:
    """Leave everything to torch from now on, for the compiler failed, and say so, once.

    Call it in an ``except`` clause around compiled loops, which are compiled at their first call.

    Args:
        error: what was raised; raised again where it is not the compiler's, or that of the folder of its products.
    """
    if not _is_the_compilers(error):
        raise error
    if not _given_up:
        _given_up.append(str(error))
        available.cache_clear()
        slower(error)


def _is_the_compilers(error: Exception) -> bool:
    """Whether numba said it or something in it broke down, as it does over damaged files in the folder it keeps."""
    from numba.core.errors import NumbaError

    if isinstance(error, (NumbaError, OSError, EOFError, PickleError, ImportError)):
        return True
    rooms = (frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_tb(error.__traceback__))
    return any(room in ("numba", "llvmlite") for room in rooms)


def slower(error: Exception) -> None:
    """Say why nothing is compiled."""
    reason = " ".join(str(error).strip().split("\n\n")[0].split())[:200]
    warnings.warn(
        f"slots cannot be compiled here ({type(error).__name__}: {reason}); torch does the same more slowly. "
        f"Install numba (and, for a GPU, a C compiler), delete the *.nbi files in __pycache__ if one is damaged, or "
        f"set {SWITCH}=0 to be told no more",
        stacklevel=2,
    )


def compiled(function: F) -> F:
    """The function in machine code, made at its first call and kept on disk for later processes."""
    import numba

    try:
        made: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        # Numba compiles anew where the function's own file has changed; this is for what comes from other files.
        kept = made._cache._cache_file
        kept._source_stamp = (kept._source_stamp, borrowed(function.__globals__))
    except (RuntimeError, AttributeError, OSError):  # no folder to keep it in, or no telling when it is out of date
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(F, made)


def borrowed(names: dict[str, Any]) -> str:
    """Digest of what a module's functions are compiled with: its numbers, and the files of functions they inline."""
    found = hashlib.sha256()
    for name, value in sorted(names.items()):
        function = getattr(value, "py_func", None)
        if isinstance(value, (int, float)):
            found.update(f"{name}={value!r};".encode())
        elif function is not None and function.__globals__ is not names:
            found.update(Path(function.__globals__["__file__"]).read_bytes())
            found.update(borrowed(function.__globals__).encode())
    return found.hexdigest()


class Loop:
    """A compiled function that torch's operations call, and that can be watched like one of them.

    Attributes:
        watchers: called with the name of a loop and what it touches at every call of any of them.
        touches: of the arguments of a call, what it reads or writes; unless set, all of them.
    """

    watchers: ClassVar[list[Callable[[str, Sequence[Any]], None]]] = []

    def __init__(self, function: Callable[..., Any]) -> None:
        self.machine_code = compiled(function)
        self.touches: Callable[..., Sequence[Any]] = lambda *arguments: arguments
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns."""
        for watcher in self.watchers:
            watcher(self.__name__, self.touches(*arguments))
        return self.machine_code(*arguments)


def inlined(function: F) -> F:
    """A small function that compiled ones call."""
    import numba

    return cast(F, numba.njit(nogil=True, error_model="numpy", inline="always")(function))
