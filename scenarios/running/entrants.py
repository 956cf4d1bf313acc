"""Makes the allocators that a run compares: by name, with parameters, or as objects of the caller's own."""

from __future__ import annotations

import dataclasses
import itertools
import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mac.core.plugin_traceback import describe_error, error_text, plug_in_line

from .. import families
from ..errors import ScenarioError
from ..results.content_digest import UnknownContentError, content_digest
from ..results.provenance import source_digest

if TYPE_CHECKING:
    from ..families import Family
    from ..families.schema import AllocatorSpec, ScenarioBase

Given = str | Mapping[str, Any] | object


@dataclass(frozen=True)
class Entrant:
    """Describes one allocator of a comparison: what the scenario says of it and, unless it has a name, the object."""

    spec: AllocatorSpec
    given: object | None = None
    scenario: ScenarioBase | None = None

    @property
    def label(self) -> str:
        """Returns its name in the results."""
        return self.spec.label

    def make(self, family: Family) -> Any:
        """Makes an allocator, ready for ``reset``.

        Raises:
            ScenarioError: no such allocator, wrong parameters, or a plug-in that fails to import.
        """
        if self.given is not None:
            return self.given
        from allocators.registry import resolve

        families.make_known(family)  # a worker has not imported the record
        try:
            return resolve(self.spec.name, family.allocator_family, dict(self.spec.params))
        except Exception as error:  # a plug-in's module may raise anything at all when it is imported
            reason = _reason(error).removeprefix(f"{self.spec.name}: ")
            raise ScenarioError(f"allocator '{self.spec.name}': {reason}{plug_in_line(error)}") from error

    def content(self, family: Family) -> str:
        """Computes the digest of what decides: of an object its class and state, of a name the file that defines it.

        Raises:
            UnknownContentError: the object holds what cannot be compared by its content.
        """
        from allocators.construction import load
        from allocators.registry import import_string

        if self.given is not None:
            return _before_running(self.given)
        return source_digest(load(import_string(self.spec.name, family.allocator_family)))

    def try_reset(self, made: Any, family: Family) -> None:
        """Resets an allocator of fairwave's own as each variant would; plug-ins' resets may be slow, or leave traces.

        A trained network decides once, on a drop that no run has.

        Raises:
            ScenarioError: it refuses the scenario, for example a policy for something that it does not have.
        """
        from allocators.registry import file_of, is_built_in

        from ..config.loading import variants

        if self.given is not None or self.scenario is None:
            return
        from_file = file_of(self.spec.name) is not None
        own = is_built_in(self.spec.name, family.allocator_family) and family.context is not None
        if not own and not from_file:
            return
        for name, scenario in variants(self.scenario).items():
            context = family.context(scenario) if family.context and own else None  # a fault here is no allocator's
            try:
                made.try_on(scenario) if from_file else made.reset(context, scenario.seed)
            except ValueError as error:
                where = f" (variant '{name}')" if name else ""
                raise ScenarioError(f"allocator '{self.label}'{where}: {error}") from error


def as_settings(
    allocators: Sequence[Given] | Mapping[str, Given] | Given,
) -> tuple[list[dict[str, Any]], list[object | None]]:
    """Converts allocators to the setting ``allocators``, and lists beside each the object that was given, if any.

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


def entrants_of(scenario: ScenarioBase, things: Sequence[object | None] = ()) -> list[Entrant]:
    """Lists the scenario's allocators, each with the object that stands for it."""
    given = list(things) or [None] * len(scenario.allocators)
    return [Entrant(spec, thing, scenario) for spec, thing in zip(scenario.allocators, given, strict=True)]


def check(entrants: Sequence[Entrant], family: Family) -> None:
    """Makes and resets each allocator once, so that a wrong name or parameter is found before anything runs.

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
    """Lists objects that go by two labels, a sentence each: allocators side by side have each a memory of their own."""
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
    """Returns the fields of a dataclass that are plain values; they go into the run folder, which says what ran."""
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
def contents_kept(entrants: Sequence[Entrant]) -> Iterator[None]:
    """Keeps the content digest of objects that reset() and decide() change as it was before the run.

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
