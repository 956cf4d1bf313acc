"""Converts pydantic's errors into sentences: where, what was given, what is allowed, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import ScenarioError, did_you_mean, shown
from ..families.renamed import Renamed
from .merging import expand

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Layer:
    """Holds one source of settings: a file, ``--set``, a variant; later layers override earlier ones."""

    origin: str
    data: Any
    folder: Path | None = None  # where relative file names of this source are looked for first


def explain(
    error: ValidationError, data: Any, layers: Sequence[Layer], schema: Json, renamed: Renamed
) -> ScenarioError:
    """Makes the error to show for settings that do not fit their schema, one line for each problem.

    Args:
        error: what pydantic said.
        data: the settings it was given.
        layers: where they came from, lowest first; the uppermost that holds the key is named.
        schema: JSON schema of the settings.
        renamed: keys and values that once had another name.
    """
    details = error.errors(include_url=False)
    lines = [_sentence(detail, data, layers, schema, renamed) for detail in details if not _follows(detail, details)]
    return ScenarioError("\n".join(dict.fromkeys(lines)))


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Returns whether a message says nothing new: a list is called too short after its items were refused."""
    here = detail["loc"]
    return detail["type"] == "too_short" and any(d["loc"][: len(here)] == here and d is not detail for d in details)


def _sentence(detail: ErrorDetails, data: Any, layers: Sequence[Layer], schema: Json, renamed: Renamed) -> str:
    path = _real_path(detail["loc"], data)
    problem = _problem(detail, path, schema, data, renamed)
    origin = origin_of(path, data, layers) if path else origin_of_message(problem, data, layers)
    return f"{origin}: {problem}"


def origin_of(path: Sequence[str], data: Any, layers: Sequence[Layer]) -> str:
    """Returns where the setting at ``path`` comes from, or, where it is not given, the nearest one around it.

    Args:
        path: keys and indices from the top.
        data: all layers merged.
        layers: lowest first.
    """
    deepest, found = 0, None
    for layer in reversed(layers):
        depth, replaces = _depth(expand(layer.data), path, data)
        if depth > deepest:
            deepest, found = depth, layer.origin
        if depth == len(path) or (depth and replaces):  # what lies below is covered
            break
    files = (layer.origin for layer in reversed(layers) if not layer.origin.startswith("--"))
    return found or next(files, layers[-1].origin)


def origin_of_message(message: str, data: Any, layers: Sequence[Layer]) -> str:
    """Finds the uppermost layer that gives any setting that a message names, as ``'duration_s' must be ...``."""
    paths = _paths_in(message, data)
    for layer in reversed(layers):
        over = expand(layer.data)
        if any(_depth(over, path, data)[0] == len(path) for path in paths):
            return layer.origin
    return origin_of(_first_key(message), data, layers)


def _paths_in(message: str, data: Any) -> list[tuple[str, ...]]:
    """Lists the settings that a message names: dotted keys, and bare ones beside the first or at the top."""
    first = _first_key(message)
    named = [tuple(word.split(".")) for word in re.findall(r"[a-z]\w*(?:\.\w+)*", message)]
    beside = [first[:-1] + path for path in named if len(path) == 1 and "_" in path[0]]
    known = _is_there(first, data)
    return [path for path in (*(p for p in named if len(p) > 1 or not known or p == first), *beside) if
            _is_there(path, data)]  # fmt: skip


def _is_there(path: Sequence[str], data: Any) -> bool:
    for part in path:
        inside = _step(data, part)
        if inside is None:
            return False
        data = inside[0]
    return bool(path)


def _first_key(message: str) -> tuple[str, ...]:
    """Returns the dotted key with which a message on more than one setting begins."""
    return tuple(message.partition(" ")[0].strip("':").split("."))


def _problem(detail: ErrorDetails, path: tuple[str, ...], schema: Json, data: Any, renamed: Renamed) -> str:
    kind, dotted, given = detail["type"], ".".join(path), detail["input"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        if (new := renamed.key(path)) is not None:
            return f"the key '{dotted}' was renamed; write {new}"
        return f"unknown key '{dotted}'{did_you_mean(path[-1], keys_at(schema, path[:-1], data))}"
    if kind in ("missing", "missing_argument"):
        return f"'{dotted}' is missing{_about(schema, path)}"
    context = detail.get("ctx", {})
    if kind == "too_short":
        return f"'{dotted}' needs at least {context['min_length']} of them, given {shown(given)}{_about(schema, path)}"
    if kind == "union_tag_not_found":
        tag = str(context["discriminator"]).strip("'")
        return f"'{dotted}.{tag}' is missing; one of: {', '.join(keys_of_tags(schema, path))}"
    if kind == "union_tag_invalid":
        tag = str(context["discriminator"]).strip("'")
        given = str(context["tag"])
        return f"'{dotted}.{tag}' is {shown(given)}{did_you_mean(given, keys_of_tags(schema, path))}"
    message = _plain(detail["msg"])
    if kind in ("value_error", "assertion_error"):
        return f"'{dotted}': {message}" if dotted else message
    if (new := renamed.value(path, given)) is not None:
        message += f" (the value '{given}' was renamed; write {new})"
    return f"'{dotted}' {message}, given {shown(given)}{_about(schema, path)}"


def _plain(message: str) -> str:
    message = re.sub(r"^(Value error|Assertion failed), ", "", message)
    message = re.sub(r"^Input should be ", "must be ", message).replace("a valid ", "a ")
    for pydantic_word, word in (("a integer", "an integer"), ("an object", "a mapping"), ("a array", "a list")):
        message = message.replace(pydantic_word, word)
    return message


def _about(schema: Json, path: tuple[str, ...]) -> str:
    text = next((str(node["description"]) for node in nodes_at(schema, path) if "description" in node), "")
    return f" ({' '.join(text.split()).rstrip('.')})" if text else ""


def _real_path(location: tuple[int | str, ...], data: Any) -> tuple[str, ...]:
    """Returns the keys of the file: pydantic's location also holds tags of unions, which are not in the data."""
    path: list[str] = []
    for i, part in enumerate(location):
        inside = _step(data, str(part))
        if inside is not None:
            data = inside[0]
        elif i < len(location) - 1:
            continue
        path.append(str(part))
    return tuple(path)


def _depth(over: Any, path: Sequence[str], data: Any) -> tuple[int, bool]:
    """Returns how much of ``path`` a layer speaks of, and whether it replaces what lower layers say there, as lists do.

    A layer may pick an item of a list by the name that the item has in ``data``.
    """
    replaces = False
    for depth, part in enumerate(path):
        data = (_step(data, part) or (None,))[0]
        replaces = replaces or not isinstance(over, Mapping)
        inside = _step(over, part)
        if inside is None and isinstance(data, Mapping) and "name" in data:
            inside = _step(over, str(data["name"]))
        if inside is None and part.isdecimal() and isinstance(over, Mapping) and not isinstance(data, Mapping):
            # an item that something without a name has replaced; its key was once its name
            inside = next(((value,) for value in over.values() if type(value) is type(data) and value == data), None)
        if inside is None:
            return depth, replaces
        over = inside[0]
    return len(path), True


def _step(data: Any, part: str) -> tuple[Any] | None:
    """Returns the value at a key or index of a mapping or list, in a tuple; None where there is none."""
    if isinstance(data, Mapping):
        return (data[part],) if part in data else None
    if isinstance(data, list | tuple) and part.isdecimal() and int(part) < len(data):
        return (data[int(part)],)
    return None


def nodes_at(schema: Json, path: Sequence[str], data: Any = None) -> list[Json]:
    """Finds the schemas that may hold at ``path``; several where a union is open and no tag in ``data`` decides."""
    nodes = _branches(schema, schema, data)
    for part in path:
        data = (_step(data, part) or (None,))[0]
        nodes = [inner for node in nodes for child in _child(node, part) for inner in _branches(child, schema, data)]
    return nodes


def keys_at(schema: Json, path: Sequence[str], data: Any = None) -> list[str]:
    """Lists the keys that a mapping at ``path`` may have, each once."""
    return list(dict.fromkeys(key for node in nodes_at(schema, path, data) for key in node.get("properties", {})))


def keys_of_tags(schema: Json, path: Sequence[str]) -> list[str]:
    """Lists the values that the tag of the union at ``path`` may take."""
    return [tag for node in nodes_at(schema, path) for tag in node.get("discriminator", {}).get("mapping", {})]


def tag_at(schema: Json, path: Sequence[str]) -> str | None:
    """Finds the key that tells the types of the union at ``path`` apart; None where there is no such union."""
    tags = (node["discriminator"]["propertyName"] for node in nodes_at(schema, path) if "discriminator" in node)
    return next(tags, None)


def _child(node: Json, part: str) -> list[Json]:
    properties = node.get("properties", {})
    if part in properties:
        return [properties[part]]
    if part.isdecimal() and "items" in node:
        return [node["items"]]
    extra = node.get("additionalProperties")
    return [extra] if isinstance(extra, Mapping) else []


def _branches(node: Json, root: Json, data: Any = None) -> list[Json]:
    """Yields the node itself and all that it refers to or is a union of; of a union only what the tag says."""
    found = [node]
    if "$ref" in node:
        found += _branches(root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root, data)
    tags = node.get("discriminator", {})
    chosen = tags["mapping"].get(data.get(tags["propertyName"])) if tags and isinstance(data, Mapping) else None
    for union in ("anyOf", "oneOf", "allOf"):
        for branch in node.get(union, ()):
            if chosen is None or branch.get("$ref") == chosen:
                found += _branches(branch, root, data)
    return found
