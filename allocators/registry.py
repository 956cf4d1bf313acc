"""Finds allocators by name: the built-in ones, those of installed plug-ins, and any class as ``module:Class``.

A name stands for an import string, and nothing is imported until an allocator is made. A plug-in offers allocators by
entry points in the group ``fairwave.allocators``, each named after its family and itself::

    [project.entry-points."fairwave.allocators"]
    "family.mine" = "my_package.my_module:Mine"

It is then used as ``mine`` wherever the family's own allocators are. Built-in names win over plug-ins.

A name may also be a kind of file and its path, such as ``torch:policy.pt``, where that kind is registered.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.util
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .construction import BadAllocator, load, make

GROUP = "fairwave.allocators"

_REGISTERED: dict[str, FamilyAllocators] = {}
"""Allocators that families of plug-ins have registered."""

_FILE_KINDS: dict[str, str] = {}
"""Kinds of files that hold an allocator -> ``module:function`` that makes it of (file, family, further parameters)."""


@dataclass(frozen=True)
class FamilyAllocators:
    """Holds the allocators of a family, and the check of their contract."""

    allocators: Mapping[str, str]  # name -> module:Class
    contract: str | None = None  # module:attribute of an allocators.contract.cases.FamilyCheck


class UnknownAllocator(ValueError):
    """Reports that there is no allocator of that name, and which one may have been meant."""


@functools.cache
def built_in() -> Mapping[str, FamilyAllocators]:
    """Collects the allocators of fairwave's own families: packages beside this file that declare ``ALLOCATORS``."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.ispkg:
            package = importlib.import_module(f"{__package__}.{module.name}")
            if hasattr(package, "ALLOCATORS"):
                found[module.name] = FamilyAllocators(package.ALLOCATORS, package.CONTRACT)
    return found


def register(family: str, allocators: Mapping[str, str], contract: str | None = None) -> None:
    """Makes the allocators of a family known, and the check of their contract; does nothing where both are empty.

    Args:
        family: the one that they belong to; those for a family of fairwave's own stand beside its own.
        allocators: name -> ``module:Class``.
        contract: ``module:attribute`` of a :class:`.contract.cases.FamilyCheck`.
    """
    if allocators or contract:
        _REGISTERED[family] = FamilyAllocators(allocators, contract)


def register_file_kinds(kinds: Mapping[str, str]) -> None:
    """Makes kinds of files known that hold an allocator: ``kind:path`` is then a name of it.

    Args:
        kinds: kind -> ``module:function``, called with the parameters ``file``, ``family`` and those of the allocator.
    """
    _FILE_KINDS.update(kinds)


def file_of(name: object) -> str | None:
    """Returns the path in a name such as ``torch:policy.pt``; None for any other name."""
    if not isinstance(name, str) or name.partition(":")[0] not in _FILE_KINDS:
        return None
    return name.partition(":")[2] or None


def contracts() -> dict[str, str]:
    """Returns where the contract check of each family is, as ``module:attribute``; of those that have one."""
    known = {**_REGISTERED, **built_in()}
    return {name: family.contract for name, family in known.items() if family.contract is not None}


def families() -> tuple[str, ...]:
    """Lists the families that have allocators, built-in or installed, in alphabetical order."""
    return tuple(sorted({*built_in(), *_REGISTERED, *(family for family, _ in _installed() if family)}))


def available(family: str) -> dict[str, str]:
    """Returns the import strings by name of all allocators of a family; empty for a family that has none."""
    installed = {name: value for (of, name), value in _installed().items() if of == family}
    return {**installed, **_own(_REGISTERED, family), **_own(built_in(), family)}


def describe(name: str, family: str) -> str:
    """Returns the first line of what an allocator says of itself, read from its source without importing it.

    Empty where the source cannot be found.

    Raises:
        UnknownAllocator: no such name.
    """
    module, _, attribute = import_string(name, family).partition(":")
    try:
        spec = importlib.util.find_spec(module)
        tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec and spec.origin else ast.Module([], [])
    except (ImportError, OSError, SyntaxError, ValueError):
        return ""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def resolve(spec: str | object, family: str, params: Mapping[str, Any] | None = None) -> Any:
    """Makes an allocator, ready for ``reset``.

    Args:
        spec: a name of :func:`available`, ``module:Class`` (looked for in the current directory too), a class, a
            function that makes one, an allocator, which is passed through, or a file as ``kind:path``.
        family: the one to look in.
        params: its parameters, checked against its fields.

    Raises:
        UnknownAllocator: no such name.
        BadAllocator: it cannot be imported or made, does not take these parameters, or lacks ``reset`` or ``decide``.
    """
    if not isinstance(spec, str):
        label = getattr(spec, "__name__", type(spec).__name__)
        return make(spec, label, params or {})
    params = params or {}
    if (file := file_of(spec)) is not None:
        _require_params_of_file(spec, params)
        return make(load(import_string(spec, family)), spec, {**params, "file": file, "family": family})
    label = spec.rpartition(":")[2]
    return make(load(import_string(spec, family)), label, params)


def is_built_in(name: str, family: str) -> bool:
    """Checks whether an allocator is fairwave's own, and no plug-in."""
    return name in _own(built_in(), family)


def families_of(name: str) -> tuple[str, ...]:
    """Lists the families that have an allocator of this name."""
    return tuple(family for family in families() if name in available(family))


def unknown_anywhere(name: str) -> str:
    """Writes a sentence on a name that no family has."""
    if ("", name) in _installed():
        return _familyless(name)
    known = sorted({one for family in families() for one in available(family)})
    return f"there is no allocator '{name}'{_near(name, known)} one of: {', '.join(known)}, or module:Class"


def _require_params_of_file(name: str, params: Mapping[str, Any]) -> None:
    if taken := [one for one in ("file", "family") if one in params]:
        raise BadAllocator(f"{name}: the parameter {taken[0]} follows from the name and the scenario; leave it out")


def _own(table: Mapping[str, FamilyAllocators], family: str) -> Mapping[str, str]:
    return table[family].allocators if family in table else {}


def import_string(name: str, family: str) -> str:
    """Returns where a name's class, or the function that makes it, is, as ``module:attribute``.

    Raises:
        UnknownAllocator: no such name.
    """
    if file_of(name) is not None:
        return _FILE_KINDS[name.partition(":")[0]]
    if ":" in name:
        return name
    if is_built_in(name, family):  # without looking through everything that is installed
        return built_in()[family].allocators[name]
    known = available(family)
    if name not in known:
        raise UnknownAllocator(_unknown(name, family, known))
    return known[name]


def _unknown(name: str, family: str, known: Iterable[str]) -> str:
    if ("", name) in _installed():
        return _familyless(name, family)
    if not known:
        return f"the family '{family}' has no allocators of that or any name: use module:Class"
    hint = _near(name, known)
    if Path(name).is_file():
        kinds = " or ".join(f"'{kind}:{name}'" for kind in _FILE_KINDS)
        return f"there is no {family} allocator '{name}', but a file: that of a trained network is named {kinds}"
    if elsewhere := families_of(name):
        hint = f", it is of the family {elsewhere[0]};"
    return f"there is no {family} allocator '{name}'{hint} one of: {', '.join(sorted(known))}, or module:Class"


def _familyless(name: str, family: str = "FAMILY") -> str:
    return f"the entry point '{name}' of {GROUP} does not say its family: name it '{family}.{name}'"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), list(known), 1, 0.5)
    return f"; did you mean '{near[0]}'?" if near else ";"


def _installed() -> dict[tuple[str, str], str]:
    """Returns the import strings of plug-ins by (family, name); the family of a name without one is empty."""
    found = {}
    for entry in entry_points(group=GROUP):
        family, _, name = entry.name.rpartition(".")
        found[family, name] = f"{entry.module}:{entry.attr}"
    return found


__all__ = ["BadAllocator", "UnknownAllocator", "available", "describe", "families", "families_of", "resolve"]
