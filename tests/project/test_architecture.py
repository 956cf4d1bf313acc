"""Imports point one way, phy <- mac <- allocators <- scenarios; and no name of a family decides anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = ("phy", "mac", "allocators", "scenarios")
FILES = sorted(path for room in ORDER for path in (ROOT / room).rglob("*.py"))
FORBIDDEN_IN_CORE = {"tensorflow", "keras", "sionna_rt"}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Relative imports with their dots, absolute ones by their full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def faults(room: str, depth: int, tree: ast.AST) -> list[str]:
    """What is wrong with the imports of a file that lies ``depth`` folders below its room."""
    found = []
    for line, name in imports(tree):
        level = len(name) - len(name.lstrip("."))
        top = name.partition(".")[0]
        if level > depth + 1:
            found.append(f"line {line}: {name} leaves the room; across rooms imports are absolute")
        elif top in ORDER and ORDER.index(top) > ORDER.index(room):
            found.append(f"line {line}: {room} must not know {name}")
        elif top in FORBIDDEN_IN_CORE:
            found.append(f"line {line}: {name} is an extra")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    assert faults(parts[0], len(parts) - 2, ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    ("room", "code", "wrong"),
    [
        ("phy", "from mac.core.loop import run", True),
        ("mac", "import scenarios.cli.main", True),
        ("mac", "def f():\n    from allocators.registry import resolve", True),
        ("phy", "from ..mac import loop", True),
        ("mac", "from phy.units import db", False),
        ("scenarios", "from . import yaml\nimport yaml\nfrom allocators.registry import resolve", False),
        ("phy", "import tensorflow as tf", True),
    ],
)
def test_the_test_finds_what_it_should(room: str, code: str, wrong: bool) -> None:
    assert bool(faults(room, 0, ast.parse(code))) is wrong


def test_tests_stay_flat() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_comparison_with_the_name_of_a_family(path: Path) -> None:
    """A family is a record in a table: a branch on its name would make every further family a change to the core."""
    names = {"slicing", "scheduling", "comp", "uav", "wsn"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = {side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)}
            assert not texts & names, f"line {node.lineno} asks which family it has"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
