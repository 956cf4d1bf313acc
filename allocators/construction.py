"""Makes an allocator from an import string and parameters, with one clear sentence for each way in which that fails."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass

from mac.core.plugin_traceback import describe_error, error_text


class BadAllocator(ValueError):
    """Reports an allocator that cannot be imported, made, or used."""


def load(import_string: str) -> Any:
    """Imports the object that ``module:attribute`` names. The current directory is searched last.

    Raises:
        BadAllocator: the module or the attribute is not there, or importing it fails.
    """
    name, _, attribute = import_string.partition(":")
    if not name or not attribute:
        raise BadAllocator(f"'{import_string}' is no import string: write module:Class")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    found = _module(name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [public for public in dir(found) if public[0] != "_"], 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            where = f" ({file})" if (file := getattr(found, "__file__", None)) else ""
            raise BadAllocator(f"the module '{name}'{where} has no '{part}'{hint}")
        found = getattr(found, part)
    return found


def make(thing: Any, label: str, params: Mapping[str, Any]) -> Any:
    """Makes an allocator from a class or function and its parameters; returns an object that is one as it is.

    Raises:
        BadAllocator: it does not take these parameters, raises, or lacks ``reset`` or ``decide``.
    """
    return make_plug_in(thing, label, params, "allocator", ("reset(context, seed)", "decide(observation)"))


def make_plug_in(thing: Any, label: str, params: Mapping[str, Any], what: str, methods: tuple[str, ...]) -> Any:
    """Makes a plug-in of any kind from a class or function and its parameters.

    Args:
        thing: class, function or ready object.
        label: of it in errors.
        params: its parameters.
        what: its kind, such as "allocator".
        methods: that it needs, the main one last.

    Raises:
        BadAllocator: it does not take these parameters, raises, or lacks a method.
    """
    if isinstance(thing, type) or (callable(thing) and not hasattr(thing, methods[-1].partition("(")[0])):
        thing = _construct(thing, label, params)
    elif params:
        raise BadAllocator(f"{label} is already made and takes no parameters: set {', '.join(params)} where it is made")
    for method in methods:
        if not callable(getattr(thing, method.partition("(")[0], None)):
            raise BadAllocator(f"{label} has no method {method}, which every {what} needs")
    return thing


def installed_plug_ins(group: str) -> dict[str, str]:
    """Returns the import strings of the entry points of a group, by name."""
    return {entry.name: f"{entry.module}:{entry.attr}" for entry in entry_points(group=group)}


def _module(name: str) -> Any:
    from mac.core.allocator_guard import SettingsGuard  # imports torch, which names alone do not need

    try:
        with SettingsGuard(f"importing '{name}'"):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise BadAllocator(f"there is no module '{name}', neither installed nor in this directory") from error
        raise BadAllocator(f"importing '{name}' failed: it needs the module '{error.name}'") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() in a plug-in must not end the program without a word
        raise BadAllocator(f"importing '{name}' failed: {describe_error(error)}") from error


def _construct(maker: Any, label: str, params: Mapping[str, Any]) -> Any:
    from mac.core.allocator_guard import SettingsGuard

    _require_known(maker, label, params)
    try:
        with SettingsGuard(f"making {label}"):
            if isinstance(maker, type) and is_pydantic_dataclass(maker):
                return _strictly(TypeAdapter(maker), dict(params)) if params else maker()
            return maker(**_validated(maker, label, params))
    except BadAllocator:
        raise
    except ValidationError as error:
        raise BadAllocator(_sentence(error, label)) from None  # pydantic's own lines say nothing
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = error_text(error) if isinstance(error, ValueError) else f"making it raised {describe_error(error)}"
        raise BadAllocator(f"{label}: {what}") from error


def _require_known(maker: Any, label: str, params: Mapping[str, Any]) -> None:
    try:
        known = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # a class written in C says nothing of its parameters
        return
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"; did you mean '{near[0]}'?" if near else ";"
            options = f"one of: {', '.join(known)}" if known else "it has none"
            raise BadAllocator(f"{label} has no parameter '{name}'{hint} {options}")
    needed = [one.name for one in known.values() if one.default is one.empty and one.kind is not one.VAR_POSITIONAL]
    if missing := [name for name in needed if name not in params]:
        raise BadAllocator(f"{label} needs the parameter '{missing[0]}', which is not given")


def _validated(maker: Any, label: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Converts parameters to their annotated types; those of types that pydantic does not know stay as they are."""
    of_class = dataclasses.is_dataclass(maker) or not isinstance(maker, type)
    try:
        hints = typing.get_type_hints(maker if of_class else maker.__init__, include_extras=True)
    except NameError:  # a type that is imported for type checkers only
        hints = {}
    return {name: _converted(name, value, hints.get(name, Any), label) for name, value in params.items()}


def _converted(name: str, value: Any, kind: Any, label: str) -> Any:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
    except PydanticUserError:
        return value
    try:
        return _strictly(adapter, value)
    except ValidationError as error:
        raise BadAllocator(_sentence(error, label, name)) from None


def _strictly(adapter: TypeAdapter[Any], value: Any) -> Any:
    """Validates as in a scenario file: refuses text and booleans for numbers, takes lists for tuples."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # holds an object, given from Python
        return adapter.validate_python(value)
    return adapter.validate_json(text, strict=True)


def _sentence(error: ValidationError, label: str, *within: str) -> str:
    """Describes the first error in one sentence."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in (*within, *first["loc"]))
    if not where:
        return f"{label}: {message}"
    given = "nothing" if first["input"] is None else repr(first["input"])
    return f"{label}: the parameter {where} is {given}: {message[0].lower()}{message[1:]}"
