"""Compiles plain loops for the CPU: machine code does quickly to hundreds of UEs what takes torch many calls.

A compiled function takes arrays and writes into arrays. Nothing is reordered, and nothing contracted
unless a loop says so, so that its numbers are those of the same loops in Python, in every batch and on every thread.
Each has a form in torch with the same decisions, which serves other devices, and a CPU where nothing is to be compiled.

The form is chosen before a run (:func:`backend_name`) and never changed in it: a compiler that fails is an error.

Modules that hold compiled functions are imported where :func:`uses_numba` says yes, for numba takes long to import.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Literal, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
BackendName = Literal["numba", "torch", "torch.compile"]
"""Names of the forms in which slots are computed: compiled loops, torch's operations, torch's operations compiled."""

SWITCH = "FAIRWAVE_COMPILE"
"""Environment variable; 0, off or false leaves everything to torch; 1, on, true or nothing does not."""

_SAYS = {"": True, "1": True, "on": True, "true": True, "0": False, "off": False, "false": False}

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # with which numba highlights what it says


class CompilerError(RuntimeError):
    """Reports a compiler, or compiled code, that failed; the text says how to compute without it."""

    @classmethod
    def of(cls, compiler: str, error: BaseException) -> CompilerError:
        """Returns the error that says what a compiler ran into.

        Args:
            compiler: numba or torch.compile.
            error: what was raised.
        """
        reason = " ".join(_COLOUR.sub("", str(error)).strip().split("\n\n")[0].split())[:200]
        return cls(
            f"{compiler} failed ({type(error).__name__}: {reason}); set {SWITCH}=0 to compute the same without it, "
            "which takes longer"
        )


def wanted() -> bool:
    """Returns whether anything is to be compiled, on a CPU or a GPU: unless the environment says no.

    Raises:
        ValueError: the environment says neither yes nor no.
    """
    given = os.environ.get(SWITCH, "")
    says = _SAYS.get(given.strip().lower())
    if says is None:
        raise ValueError(
            f"the environment variable {SWITCH} is {given[:40]!r}; set it to 0 (or off, false) to compile nothing, to "
            "1 (or on, true) to compile, or unset it"
        )
    return says


@cache
def uses_numba() -> bool:
    """Returns whether loops are compiled on a CPU in this process; numba itself can be told to compile nothing."""
    return wanted() and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"


def backend_name(device: str) -> BackendName:
    """Returns the form in which what can be compiled is computed on a device, ``cpu`` or another one."""
    if device == "cpu":
        return "numba" if uses_numba() else "torch"
    return "torch.compile" if wanted() else "torch"


def run_clock_s() -> float:
    """Returns the seconds of a clock that stands still while this process imports numba or compiles with it.

    Only differences have a meaning. What is compiled is kept on disk, so compiling is no part of what a computation
    costs; reading it from there, some milliseconds a function, is counted.
    """
    compiling = CompileTime.compiler
    compiling_s = compiling.duration if compiling is not None and compiling.done else 0.0
    return perf_counter() - CompileTime.import_s - float(compiling_s)


class CompileTime:
    """Holds what :func:`run_clock_s` leaves out.

    Attributes:
        import_s: seconds that the import of numba took.
        compiler: numba's own timer of its compiler; None before numba is imported.
    """

    import_s: ClassVar[float] = 0.0
    compiler: ClassVar[Any] = None


def compiled(function: F, fused: bool = False) -> F:
    """Returns the function in machine code, which is made at its first call and kept on disk for later processes.

    Args:
        function: of arrays and numbers.
        fused: let a product and the sum that takes it be rounded once, where the processor can: quicker, but other
            processors round otherwise.

    Raises:
        CompilerError: numba cannot be imported.
    """
    numba = _numba()
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"} if fused else False}
    try:
        made: Any = numba.njit(cache=True, **options)(function)
        # Numba compiles anew where the function's own file has changed. Here what comes from other files counts, too,
        # and the version is compared before anything is unpickled, which fails where a type has another name today.
        kept = made._cache._cache_file
        kept._version = f"{kept._version} {kept._source_stamp} {borrowed(function.__globals__)}"
    except (RuntimeError, AttributeError, OSError):  # no folder to keep it in, or no telling when it is out of date
        made = numba.njit(**options)(function)
    return cast(F, made)


def borrowed(names: dict[str, Any]) -> str:
    """Computes a digest of what a module's functions are compiled with: its numbers and files of inlined functions."""
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
    """Holds a compiled function that is called between torch's operations, and can be watched like one of them.

    Attributes:
        watchers: called with the name of a loop and what it touches at every call of any of them.
        touches: of the arguments of a call, what it reads or writes; unless set, all of them.
    """

    watchers: ClassVar[list[Callable[[str, Sequence[Any]], None]]] = []

    def __init__(self, function: Callable[..., Any], fused: bool = False) -> None:
        self.machine_code = compiled(function, fused)
        self.touches: Callable[..., Sequence[Any]] = lambda *arguments: arguments
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    @classmethod
    def fused(cls, function: Callable[..., Any]) -> Loop:
        """Returns a loop whose products and sums may be rounded once, see :func:`compiled`."""
        return cls(function, fused=True)

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function.

        Raises:
            CompilerError: it cannot be compiled.
        """
        for watcher in self.watchers:
            watcher(self.__name__, self.touches(*arguments))
        try:
            return self.machine_code(*arguments)
        except Exception as error:  # a compiler may fail in any way; the loops themselves raise nothing
            raise CompilerError.of(f"numba, which compiles {self.__name__}(),", error) from error


def inlined(function: F) -> F:
    """Compiles a small function into the compiled ones that call it."""
    return cast(F, _numba().njit(nogil=True, error_model="numpy", inline="always")(function))


def _numba() -> Any:
    began = perf_counter()
    try:
        import numba
        from numba.core import event
    except Exception as error:  # numba refuses versions of NumPy with other kinds of errors, too
        raise CompilerError.of("numba, which compiles the loops of a slot,", error) from error
    if CompileTime.compiler is None:
        timed: Any = event  # numba is not annotated
        CompileTime.import_s, CompileTime.compiler = perf_counter() - began, timed.TimingListener()
        timed.register("numba:compile", CompileTime.compiler)
    return numba
