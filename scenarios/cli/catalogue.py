"""Lists what there is to choose from: allocators, scenarios, calibrations, metrics, traffic models, commands."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mac

from .. import families
from ..config import loading, yaml12
from ..errors import ScenarioError

Rows = list[dict[str, Any]]

_TRAFFIC = Path(mac.__file__).parent / "traffic"


def allocators() -> Rows:
    """Lists built-in and installed allocators of every family."""
    from allocators.registry import available, describe

    families.every()
    return [
        {"name": name, "family": family, "description": describe(name, family)}
        for family in sorted(families.names())
        for name in sorted(available(family))
    ]


def details(name: str) -> Rows:
    """Describes one allocator, for each family that has it: parameters, documentation, source.

    Args:
        name: built-in or installed, or ``module:Class``.

    Raises:
        ScenarioError: there is none of that name.
    """
    from allocators.construction import load
    from allocators.registry import available, families_of, import_string, unknown_anywhere

    families.every()
    found = {family: available(family)[name] for family in families_of(name)}
    if ":" in name:
        found = {"module:Class": import_string(name, "")}
    if not found:
        raise ScenarioError(unknown_anywhere(name))
    return [_details(name, family, place, load(place)) for family, place in found.items()]


def _details(name: str, family: str, place: str, made: Any) -> dict[str, Any]:
    made = made if inspect.isclass(made) or inspect.isfunction(made) else type(made)
    return {
        "name": name,
        "family": family,
        "source": f"{place}, {inspect.getsourcefile(made)}",
        "documentation": inspect.getdoc(made) or "",
        "parameters": [_parameter(field, _texts(made)) for field in _fields(made)],
    }


def _fields(made: Any) -> Sequence[Any]:
    """Lists the fields of a dataclass that its caller may give."""
    return [field for field in dataclasses.fields(made) if field.init] if dataclasses.is_dataclass(made) else []


def _parameter(field: Any, texts: dict[str, str]) -> dict[str, Any]:
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if hasattr(default, "get_default"):  # pydantic's Field
        default = default.get_default(call_default_factory=True)
    missing = default is dataclasses.MISSING or type(default).__name__ == "PydanticUndefinedType"
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    return {
        "name": field.name,
        "type": kind,
        "default": None if missing else default if isinstance(default, int | float | str) else repr(default),
        "description": texts.get(field.name, ""),
    }


def _texts(made: Any) -> dict[str, str]:
    """Returns the text below each field of a class, in one line."""
    if not inspect.isclass(made):
        return {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(made)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    pairs = [(field.target.id, text.value) for field, text in itertools.pairwise(body)
             if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
             and isinstance(text, ast.Expr)]  # fmt: skip
    return {name: " ".join(str(text.value).split()) for name, text in pairs if isinstance(text, ast.Constant)}


def scenarios() -> Rows:
    """Lists the presets."""
    rows = []
    for name, path in loading.preset_files(loading.PRESETS).items():
        data = yaml12.read(path)
        rows.append({"name": name, "family": _family(data), "description": data.get("description", "")})
    return rows


def _family(data: dict[str, Any]) -> str:
    """Returns a preset's own family, or that of the preset that it extends."""
    files = loading.preset_files(loading.PRESETS)
    while "family" not in data:
        data = yaml12.read(files[data["extends"]])
    return str(data["family"])


def calibrations() -> Rows:
    """Lists the configurations of ``fairwave calibrate``."""
    rows = [(name, yaml12.read(path)) for name, path in loading.preset_files(loading.CALIBRATIONS).items()]
    described = [(name, bool(data.get("reference")), data.get("description", "")) for name, data in rows]
    return [{"name": name, "reference": "yes" if ref else "no", "description": text} for name, ref, text in described]


def metrics() -> Rows:
    """Lists the metrics, in the order of the tables."""
    from mac.metrics.registry import available_metrics

    families.every()
    return [
        {"name": metric.name, "unit": metric.unit, "better": metric.better, "description": metric.description}
        for metric in available_metrics()
    ]


def traffic() -> Rows:
    """Lists traffic models, read from their source: importing them would import torch, which is slow."""
    from allocators.construction import installed_plug_ins

    rows = [row for path in sorted(_TRAFFIC.glob("*.py")) for row in _models(path)]
    rows += [
        {"name": name, "description": f"plug-in {where}"}
        for name, where in installed_plug_ins("fairwave.traffic").items()
    ]
    return sorted(rows, key=lambda row: str(row["name"]))


def _models(path: Path) -> Rows:
    """Lists classes with a field ``model: Literal[name]`` and the first line of their docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rows = []
    for node in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        tags = [f.value for f in fields if isinstance(f.target, ast.Name) and f.target.id == "model"]
        if tags and isinstance(tags[0], ast.Constant):
            rows.append({"name": tags[0].value, "description": (ast.get_docstring(node) or "").partition("\n")[0]})
    return rows


def commands() -> Rows:
    """Lists the commands of families: those beside fairwave's own, and ``fairwave FAMILY``."""
    import typer

    rows = []
    for family in families.every(families.record):
        texts = {name: inspect.getdoc(thing.load()) for name, thing in family.own_commands.items()}
        if family.commands is not None:
            made = typer.main.get_command(family.commands())
            below = getattr(made, "commands", None)  # of a group
            texts |= {family.name: made.help} if below is None else {
                f"{family.name} {name}": command.help for name, command in below.items()
            }  # fmt: skip
        rows += [
            {"name": f"fairwave {name}", "family": family.name, "description": (text or "").partition("\n")[0]}
            for name, text in texts.items()
        ]
    return sorted(rows, key=lambda row: str(row["name"]))


TOPICS: dict[str, Callable[[], Rows]] = {
    "allocators": allocators,
    "scenarios": scenarios,
    "calibrations": calibrations,
    "metrics": metrics,
    "traffic": traffic,
    "commands": commands,
}
