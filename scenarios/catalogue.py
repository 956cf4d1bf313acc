"""What there is to choose from: allocators, scenarios, calibrations, metrics, traffic models."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mac

from . import families, loading, yaml

Rows = list[dict[str, Any]]

_TRAFFIC = Path(mac.__file__).parent / "traffic"


def allocators() -> Rows:
    """Built-in and installed allocators of every family."""
    from allocators.registry import available, describe

    return [
        {"name": name, "family": family, "description": describe(name, family)}
        for family in sorted(families.names())
        for name in sorted(available(family))
    ]


def scenarios() -> Rows:
    """Presets."""
    rows = []
    for path in sorted(loading.PRESETS.glob("*.yaml")):
        data = yaml.read(path)
        rows.append({"name": path.stem, "family": _family(data), "description": data.get("description", "")})
    return rows


def _family(data: dict[str, Any]) -> str:
    """A preset's own, or that of the preset that it extends."""
    while "family" not in data:
        data = yaml.read(loading.PRESETS / f"{data['extends']}.yaml")
    return str(data["family"])


def calibrations() -> Rows:
    """Configurations of ``fairwave calibrate``."""
    rows = [(path.stem, yaml.read(path)) for path in sorted(loading.CALIBRATIONS.glob("*.yaml"))]
    described = [(name, bool(data.get("reference")), data.get("description", "")) for name, data in rows]
    return [{"name": name, "reference": "yes" if ref else "no", "description": text} for name, ref, text in described]


def metrics() -> Rows:
    """Metrics, in the order of the tables."""
    from mac.metrics.table import available_metrics

    return [
        {"name": metric.name, "unit": metric.unit, "better": metric.better, "description": metric.description}
        for metric in available_metrics()
    ]


def traffic() -> Rows:
    """Traffic models, read from their source: importing them would import torch, which takes its time."""
    from allocators.making import installed

    rows = [row for path in sorted(_TRAFFIC.glob("*.py")) for row in _models(path)]
    rows += [{"name": name, "description": f"plug-in {where}"} for name, where in installed("fairwave.traffic").items()]
    return sorted(rows, key=lambda row: str(row["name"]))


def _models(path: Path) -> Rows:
    """Classes with a field ``model: Literal[name]`` and the first line of what they say of themselves."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rows = []
    for node in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        tags = [f.value for f in fields if isinstance(f.target, ast.Name) and f.target.id == "model"]
        if tags and isinstance(tags[0], ast.Constant):
            rows.append({"name": tags[0].value, "description": (ast.get_docstring(node) or "").partition("\n")[0]})
    return rows


TOPICS: dict[str, Callable[[], Rows]] = {
    "allocators": allocators,
    "scenarios": scenarios,
    "calibrations": calibrations,
    "metrics": metrics,
    "traffic": traffic,
}
