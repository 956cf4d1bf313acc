"""Reads and writes YAML: the core schema of YAML 1.2, no key twice.

PyYAML follows YAML 1.1, which reads ``3.5e9`` and ``30e3`` as text, ``no`` as false, ``1:30`` as ninety and the key
``0_1_2`` as ten. Here numbers, booleans and null are those of YAML 1.2 (section 10.3.2), every other plain scalar is
text, every key of a mapping is text, and no other tag (``!!timestamp``, ``!!set``) is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ..errors import ScenarioError

_RESOLVERS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_EXAMPLES = {"bool": "true or false", "null": "null", "int": "a whole number", "float": "a number, as 2.5e9"}
_MOST_DIGITS = 400  # of a number; float64 ends at 309
_MOST_VALUES = 500_000  # in a file with its aliases written out: aliases of aliases grow exponentially


class _Loader(yaml.SafeLoader):
    """Loads safely, with the resolvers and the tags of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 -- PyYAML's way of giving a loader its own
    yaml_constructors: ClassVar[dict[Any, Any]] = {}


def _construct_unknown(loader: _Loader, node: yaml.Node) -> None:
    """Refuses a tag outside the core schema."""
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    raise ScenarioError(
        f"line {_line(node)}: the tag {tag} is unknown here; leave it out, or take !!str, !!int, !!float, !!bool, "
        "!!null, !!seq or !!map"
    )


def _construct_sequence(loader: _Loader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise ScenarioError(f"line {_line(node)}: !!seq stands before something that is no list")
    return loader.construct_sequence(node, deep=True)


def _construct_mapping(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise ScenarioError(f"line {_line(node)}: !!map stands before something that is no mapping")
    _require_distinct_keys(node)
    loader.flatten_mapping(node)  # "<<: *base" comes first, so that the mapping's own keys override it
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


def _require_distinct_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ScenarioError(f"line {line}: a key must be a single word, not a list or a mapping")
        if key.value in lines:
            first = lines[key.value]
            raise ScenarioError(
                f"line {line}: the key '{key.value}' stands here a second time; the first is in line {first}"
            )
        lines[key.value] = line


def _scalar(kind: str, convert: Callable[[str], Any]) -> Callable[[_Loader, yaml.Node], Any]:
    """Makes the constructor of a scalar of the core schema, which refuses text that its pattern does not match."""
    pattern = re.compile(_RESOLVERS[kind][0])

    def construct(_: _Loader, node: yaml.Node) -> Any:
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        if text is None or not pattern.fullmatch(text):
            given = "a list or a mapping" if text is None else f"'{text[:40]}'"
            raise ScenarioError(f"line {_line(node)}: !!{kind} must be {_EXAMPLES[kind]}, given {given}")
        if kind != "null" and len(text) > _MOST_DIGITS:
            raise ScenarioError(
                f"line {_line(node)}: a number of {len(text):,} digits is too long; {_MOST_DIGITS} are allowed"
            )
        return convert(text)

    return construct


def _construct_text(_: _Loader, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ScenarioError(f"line {_line(node)}: !!str must be text, given a list or a mapping")
    return str(node.value)


def _int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


for _tag, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
for _tag, _convert in {"bool": lambda text: text.lower() == "true", "null": lambda _: None, "int": _int,
                       "float": _float}.items():  # fmt: skip
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _scalar(_tag, _convert))
_Loader.add_constructor("tag:yaml.org,2002:str", _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:seq", _construct_sequence)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor(None, _construct_unknown)


class _Dumper(yaml.SafeDumper):
    """Writes what :class:`_Loader` reads back as the same values."""

    yaml_implicit_resolvers: dict[Any, Any] = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


def parse(text: str, origin: str) -> Any:
    """Parses a YAML text.

    Args:
        text: one YAML document.
        origin: where it comes from, named in messages.

    Raises:
        ScenarioError: the text is no YAML, or a key stands twice in a mapping; the line is named.
    """
    try:
        return _value(text)
    except ScenarioError as error:
        raise ScenarioError(f"{origin}, {error}") from None
    except yaml.composer.ComposerError as error:
        if error.context != "expected a single document in the stream" or error.problem_mark is None:
            raise _not_yaml(error, origin) from None
        line = error.problem_mark.line + 1
        raise ScenarioError(
            f"{origin}, line {line}: a second YAML document begins here; a file holds one, so take out the '---'"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, origin) from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"{origin}: this is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ScenarioError(f"{origin}: this YAML is nested too deeply") from None


def _value(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _size(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Counts the values of a node with its aliases written out; ``known`` holds the nodes counted or being counted.

    Raises:
        ScenarioError: they are too many, or an alias makes the node hold itself.
    """
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise ScenarioError(f"line {_line(node)}: by an alias in it this holds itself")
        return size
    known[id(node)] = None
    parts = [] if isinstance(node, yaml.ScalarNode) else node.value
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in parts for part in pair]
    size = known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    if size > _MOST_VALUES:
        raise ScenarioError(
            f"line {_line(node)}: with its aliases written out this holds more than {_MOST_VALUES:,} values"
        )
    return size


def _not_yaml(error: yaml.MarkedYAMLError, origin: str) -> ScenarioError:
    mark = error.problem_mark or error.context_mark
    line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return ScenarioError(f"{origin}{line}: this is not YAML: {error.problem or error.context}")


def read(path: Path) -> Any:
    """Reads a YAML file.

    Raises:
        ScenarioError: the file is missing, unreadable, not UTF-8 or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: this is not a text file in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}") from None
    return parse(text, str(path))


def dump(data: Any) -> str:
    """Writes ``data`` as YAML that :func:`parse` reads back as the same values."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))
