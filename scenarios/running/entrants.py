"""Which allocators a run compares: by name, with parameters, or as objects of the caller's own."""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import itertools
import json
import os
import sys
import types
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mac.core.plugin_traceback import describe_error, error_text, is_user_file, plug_in_line

from ..errors import ScenarioError
from ..results.provenance import UnknownContentError, needs, source_digest

if TYPE_CHECKING:
    from ..config.schema import AllocatorSpec, ScenarioBase
    from ..families import Family

Given = str | Mapping[str, Any] | object


@dataclass(frozen=True)
class Contender:
    """One allocator of a comparison: what the scenario says of it and, unless it goes by name, the thing itself."""

    spec: AllocatorSpec
    given: object | None = None
    scenario: ScenarioBase | None = None

    @property
    def label(self) -> str:
        """Its name in the results."""
        return self.spec.label

    def make(self, family: Family) -> Any:
        """An allocator ready for ``reset``.

        Raises:
            ScenarioError: no such allocator, wrong parameters, or a plug-in that fails to import.
        """
        if self.given is not None:
            return self.given
        from allocators.registry import resolve

        try:
            return resolve(self.spec.name, family.allocator_family, dict(self.spec.params))
        except Exception as error:  # a plug-in's module may raise anything at all when it is imported
            raise ScenarioError(f"allocator '{self.spec.name}': {_reason(error)}{plug_in_line(error)}") from error

    def content(self, family: Family) -> str:
        """Digest of what decides: of an object its class and state, of a name the file that defines it.

        Raises:
            UnknownContentError: the object holds what cannot be compared by its content.
        """
        from allocators.construction import load
        from allocators.registry import available

        if self.given is not None:
            return _before_running(self.given)
        name = self.spec.name
        return source_digest(load(name if ":" in name else available(family.allocator_family)[name]))

    def try_reset(self, made: Any, family: Family) -> None:
        """Reset an allocator of fairwave's own as each variant would; plug-ins' resets may be slow, or leave traces.

        Raises:
            ScenarioError: it refuses the scenario, for example a policy for a slice that does not exist.
        """
        from allocators.registry import is_built_in

        from ..config.loading import variants

        own = self.given is None and is_built_in(self.spec.name, family.allocator_family)
        if not own or self.scenario is None or family.context is None:
            return
        for name, scenario in variants(self.scenario).items():
            context = family.context(scenario)  # what is wrong with this is no allocator's fault
            try:
                made.reset(context, scenario.seed)
            except ValueError as error:
                where = f" (variant '{name}')" if name else ""
                raise ScenarioError(f"allocator '{self.label}'{where}: {error}") from error


def as_settings(
    allocators: Sequence[Given] | Mapping[str, Given] | Given,
) -> tuple[list[dict[str, Any]], list[object | None]]:
    """Allocators as a scenario's ``allocators`` setting has them, and beside each the object that was given, if any.

    Args:
        allocators: names, mappings ``{name, label, params}``, objects or classes; a single one; or one for each label.

    Raises:
        ScenarioError: an object has no ``decide``.
    """
    if not isinstance(allocators, Mapping | Sequence) or isinstance(allocators, str):
        allocators = [allocators]
    if isinstance(allocators, Mapping):
        pairs = [_entry(given, label) for label, given in allocators.items()]
    else:
        pairs = [_entry(given, "") for given in allocators]
    return [setting for setting, _ in pairs], [thing for _, thing in pairs]


def contenders(scenario: ScenarioBase, things: Sequence[object | None] = ()) -> list[Contender]:
    """The scenario's allocators, each with the object that stands for it."""
    given = list(things) or [None] * len(scenario.allocators)
    return [Contender(spec, thing, scenario) for spec, thing in zip(scenario.allocators, given, strict=True)]


def check(entrants: Sequence[Contender], family: Family) -> None:
    """Make and reset each allocator once, so that a wrong name or parameter is found before anything runs.

    Raises:
        ScenarioError: naming every allocator that cannot be made or reset, or that goes by two labels.
    """
    problems: list[str] = []
    made: dict[str, Any] = {}
    for entrant in entrants:
        try:
            made[entrant.label] = entrant.make(family)
            entrant.try_reset(made[entrant.label], family)
        except ScenarioError as error:
            problems.append(str(error))
    if problems := list(dict.fromkeys(problems)) + _shared(made):
        raise ScenarioError("\n".join(problems))


def _shared(made: Mapping[str, Any]) -> list[str]:
    """A sentence on each object that goes by two labels: allocators run side by side, each with a memory of its own."""
    return [
        f"the allocators '{one}' and '{other}' are one and the same {type(made[one]).__name__} object, and what one "
        "remembers would change what the other decides: give each an object of its own, or the class"
        for one, other in itertools.combinations(made, 2)
        if made[one] is made[other]
    ]


def _entry(given: Given, label: str) -> tuple[dict[str, Any], object | None]:
    if isinstance(given, str):
        return _labelled({"name": given}, label), None
    if isinstance(given, Mapping):
        return _labelled(dict(given), label), None
    thing = _instance(given)
    if not callable(getattr(thing, "decide", None)):
        raise ScenarioError(f"an allocator is a name, {{name, params}} or an object with decide(), given {given!r}")
    kind = type(thing)
    setting = {"name": f"{kind.__module__}:{kind.__qualname__}", "params": _parameters(thing)}
    return _labelled(setting, label or kind.__name__), thing


def _instance(given: object) -> object:
    if not isinstance(given, type):
        return given
    try:
        return given()
    except TypeError as error:
        raise ScenarioError(
            f"{given.__name__} cannot be made without arguments ({error_text(error)}); give an object instead"
        ) from None


def _labelled(setting: dict[str, Any], label: str) -> dict[str, Any]:
    return {**setting, "label": label} if label else setting


def _parameters(thing: object) -> dict[str, Any]:
    """The fields of a dataclass that are plain values: they go into the run folder, so that it says what ran."""
    if not dataclasses.is_dataclass(thing):
        return {}
    values = {field.name: getattr(thing, field.name, None) for field in dataclasses.fields(thing) if field.init}
    return {name: value for name, value in values.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _reason(error: Exception) -> str:
    return error_text(error) if isinstance(error, ValueError) else describe_error(error)


_RAN: dict[int, tuple[Any, str, str]] = {}  # by id: a weak reference to an object, its content before and after a run


@contextmanager
def counting_as_before(entrants: Sequence[Contender]) -> Iterator[None]:
    """Objects that a run changes (what reset() and decide() leave in them) count afterwards as what they were before.

    So the object of a run that was cut off can go on with it; if its owner changes it, it counts as another one.
    """
    before = {}
    for thing in (entrant.given for entrant in entrants if entrant.given is not None):
        with suppress(UnknownContentError):
            before[id(thing)] = (thing, _before_running(thing))
    try:
        yield
    finally:
        for thing, content in before.values():
            with suppress(TypeError):  # what it holds now cannot be told, or nothing can refer to it weakly
                _RAN[id(thing)] = (weakref.ref(thing), content, content_digest(thing))


def _before_running(thing: object) -> str:
    now = content_digest(thing)
    reference, before, after = _RAN.get(id(thing), (None, "", ""))
    return before if reference is not None and reference() is thing and after == now else now


def content_digest(thing: object) -> str:
    """Digest of everything that an object holds, and of the code that no file of a module has.

    Raises:
        UnknownContentError: it holds what cannot be told by its content, such as a lock or an open file.
    """
    try:
        return _Contents().of(thing, type(thing).__name__)
    except RecursionError:
        raise UnknownContentError(f"{type(thing).__name__} is nested too deeply") from None


class _Contents:
    """Digests of values by what they hold; equal for equal values, in any process."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, str]] = {}  # each value is kept, so that no other one gets its id

    def of(self, value: object, where: str) -> str:
        """Digest of a value.

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
        """Digests of what a value is made of."""
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
        """A class by its name; a user's also by what is in it, which may not be what its file says."""
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
        """A function by its name; a user's also by its code, and by the globals that it names if no file has them."""
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
        """Anything else by what pickle keeps of it."""
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
    """What is in a descriptor, or in what a decorator of functools or numba has made; None in anything else."""
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
    """Global names that a function, and any function within it, looks up."""
    names = (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    yield from dict.fromkeys(itertools.chain(names, *map(_globals_of, inner)))


def _is_users(thing: type | types.FunctionType) -> bool:
    """Is a class or function the user's, of a file, a script, a notebook, or made within another function?"""
    file = _file_of(thing)
    needs([str(thing.__module__)])
    if file is None:
        return str(thing.__module__).partition(".")[0] not in sys.stdlib_module_names
    return is_user_file(file) or "<" in thing.__qualname__


def _has_file(thing: type | types.FunctionType) -> bool:
    """Does the file of a module, which counts among what was imported, hold everything that it names?"""
    return _file_of(thing) is not None


def _file_of(thing: type | types.FunctionType) -> str | None:
    """Absolute path of the module's file; None in a script, a notebook, or of a module that is built in."""
    module = sys.modules.get(str(thing.__module__))
    file = None if module is None or thing.__module__ == "__main__" else vars(module).get("__file__")
    return os.path.abspath(file) if isinstance(file, str) else None
