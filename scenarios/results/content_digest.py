"""Computes digests of objects by what they hold: equal for equal contents, in any process."""

from __future__ import annotations

import dis
import functools
import hashlib
import itertools
import os
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from mac.core.plugin_traceback import is_user_file

from .read_files import require_modules


class UnknownContentError(TypeError):
    """Reports that something holds what cannot be compared by its content."""


def content_digest(thing: object) -> str:
    """Computes the digest of everything that an object holds, and of the code that no file of a module has.

    Raises:
        UnknownContentError: it holds what cannot be told by its content, such as a lock or an open file.
    """
    try:
        return _Contents().of(thing, type(thing).__name__)
    except RecursionError:
        raise UnknownContentError(f"{type(thing).__name__} is nested too deeply") from None


class _Contents:
    """Computes digests of values by what they hold; equal for equal values, in any process."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, str]] = {}  # each value is kept, so that no other one gets its id

    def of(self, value: object, where: str) -> str:
        """Computes the digest of a value.

        Args:
            value: anything.
            where: it stands, for the message.
        """
        if isinstance(value, bytes):
            return hashlib.sha256(value).hexdigest()
        if value is None or type(value) in (bool, int, float, complex, str):
            return _joined([type(value).__name__, repr(value)])
        if id(value) not in self._known:
            self._known[id(value)] = (value, "within itself")
            self._known[id(value)] = (value, _joined([type(value).__name__, *self._parts(value, where)]))
        return self._known[id(value)][1]

    def _parts(self, value: Any, where: str) -> Iterator[str]:
        """Yields digests of what a value is made of."""
        if type(value) in (list, tuple):
            yield from (self.of(item, f"{where}[{i}]") for i, item in enumerate(value))
        elif isinstance(value, set | frozenset):
            yield from sorted(self.of(item, where) for item in value)
        elif type(value) is dict or isinstance(value, types.MappingProxyType):
            for key in value:
                named = f"{where}[{key!r}]" if isinstance(key, str | int) else where
                yield from (self.of(key, named), self.of(value[key], named))
        elif isinstance(value, torch.Tensor):
            yield _of_tensor(value)
        elif isinstance(value, type):
            yield from self._class(value, where)
        elif isinstance(value, types.FunctionType):
            yield from self._function(value, where)
        elif (inner := _wrapped(value)) is not None:
            yield self.of(inner, where)
        elif isinstance(value, types.ModuleType):
            yield value.__name__
        elif not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
            yield from self._reduced(value, where)

    def _class(self, kind: type, where: str) -> Iterator[str]:
        """Describes a class by its name; a user's also by what is in it, which may not be what its file says."""
        yield f"{kind.__module__}.{kind.__qualname__}"
        if not _is_users(kind):
            return
        yield self.of(kind.__bases__, where)
        for name, value in sorted(vars(kind).items()):
            if name == "_abc_impl" or (name.startswith("__") and not callable(value)):
                continue
            try:
                yield _joined([name, self.of(value, f"{kind.__name__}.{name}")])
            except UnknownContentError:
                if not _has_file(kind):  # else its file says what it is
                    raise

    def _function(self, function: types.FunctionType, where: str) -> Iterator[str]:
        """Describes a function by its name; a user's also by its code, and by the globals it names that no file has."""
        yield f"{function.__module__}.{function.__qualname__}"
        if not _is_users(function):
            return
        yield from self._code(function.__code__, where)
        cells = [_contents_of(cell) for cell in function.__closure__ or ()]
        yield self.of([function.__defaults__, function.__kwdefaults__, cells], where)
        if not _has_file(function):
            known = function.__globals__
            yield self.of({name: known[name] for name in _globals_of(function.__code__) if name in known}, where)

    def _code(self, code: types.CodeType, where: str) -> Iterator[str]:
        yield self.of([code.co_code, code.co_names, code.co_varnames, code.co_freevars], where)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from self._code(constant, where)
            else:
                yield self.of(constant, where)

    def _reduced(self, value: Any, where: str) -> Iterator[str]:
        """Describes anything else by what pickle keeps of it."""
        try:
            parts = value.__reduce_ex__(4)
        except Exception as error:  # an object may refuse in any way
            why = error if type(error) is TypeError else type(error).__name__
            raise UnknownContentError(f"{where} is a {type(value).__name__}: {why}") from None
        if isinstance(parts, str):
            yield f"{getattr(value, '__module__', '')}.{parts}"
            return
        maker, arguments, state, *items = (*parts, None, None, None)[:5]
        yield self.of([maker, arguments], where)
        for each in state if isinstance(state, tuple) else (state,):  # of slots a mapping of their own
            named = each.items() if isinstance(each, dict) else [("", each)]
            yield from (_joined([str(name), self.of(part, f"{where}.{name}".rstrip("."))]) for name, part in named)
        yield from (self.of(list(part), where) for part in items if part is not None)


def _joined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _of_tensor(tensor: torch.Tensor) -> str:
    plain = tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense()
    plain = plain.resolve_conj().resolve_neg().cpu().contiguous()
    content = hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    return f"{plain.dtype} {tuple(plain.shape)} {content}"


def _wrapped(value: object) -> object | None:
    """Returns what is in a descriptor, or in what a decorator of functools or numba has made; None in anything else."""
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    if isinstance(value, functools.cached_property):
        return value.func
    if type(value).__module__.partition(".")[0] in ("functools", "numba"):
        return getattr(value, "__wrapped__", None) or getattr(value, "py_func", None)
    return None


def _contents_of(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # of a name that is not bound yet
        return None


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Lists global names that a function, and any function within it, looks up."""
    names = (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    yield from dict.fromkeys(itertools.chain(names, *map(_globals_of, inner)))


def _is_users(thing: type | types.FunctionType) -> bool:
    """Returns whether a class or function is the user's: of a file, script, notebook, or made in another function."""
    file = _file_of(thing)
    require_modules([str(thing.__module__)])
    if file is None:
        return str(thing.__module__).partition(".")[0] not in sys.stdlib_module_names
    return is_user_file(file) or "<" in thing.__qualname__


def _has_file(thing: type | types.FunctionType) -> bool:
    """Returns whether the file of a module, which counts among what was imported, holds everything that it names."""
    return _file_of(thing) is not None


def _file_of(thing: type | types.FunctionType) -> str | None:
    """Returns the absolute path of the module's file; None in a script, a notebook, or of a module that is built in."""
    module = sys.modules.get(str(thing.__module__))
    file = None if module is None or thing.__module__ == "__main__" else vars(module).get("__file__")
    return os.path.abspath(file) if isinstance(file, str) else None
