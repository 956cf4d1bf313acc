"""YAML as fairwave reads it: the core schema of YAML 1.2, no key twice.

PyYAML follows YAML 1.1, which reads ``3.5e9`` and ``30e3`` as text, ``no`` as false, ``1:30`` as ninety and the key
``0_1_2`` as ten. Here numbers, booleans and null are those of YAML 1.2 (section 10.3.2), every other plain scalar is
text, and every key of a mapping is text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from .errors import ScenarioError

_RESOLVERS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


class _Loader(yaml.SafeLoader):
    """Safe loader with the resolvers of YAML 1.2."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 -- PyYAML's way of giving a loader its own


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
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


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


for _tag, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


class _Dumper(yaml.SafeDumper):
    """Writes what :class:`_Loader` reads back as the same values."""

    yaml_implicit_resolvers: dict[Any, Any] = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


def parse(text: str, origin: str) -> Any:
    """The value that a YAML text holds.

    Args:
        text: one YAML document.
        origin: where it comes from, named in messages.

    Raises:
        ScenarioError: the text is no YAML, or a key stands twice in a mapping; the line is named.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
        json.dumps(value, default=str)  # fails where an alias makes a list hold itself
        return value
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
    except (RecursionError, ValueError):
        raise ScenarioError(f"{origin}: this YAML is nested too deeply, or holds itself") from None


def _not_yaml(error: yaml.MarkedYAMLError, origin: str) -> ScenarioError:
    mark = error.problem_mark or error.context_mark
    line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return ScenarioError(f"{origin}{line}: this is not YAML: {error.problem or error.context}")


def read(path: Path) -> Any:
    """The value that a YAML file holds.

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
    """``data`` as YAML that :func:`parse` reads back as the same values."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))
