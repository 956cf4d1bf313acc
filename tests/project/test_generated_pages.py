"""Pages that ``docs/hooks/generated_pages.py`` makes of the code hold all commands, all keys and all public modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_pages", ROOT / "docs" / "hooks" / "generated_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_has_its_help(pages: ModuleType) -> None:
    from scenarios.cli.main import app

    text = pages.command_line()
    for info in app.registered_commands:
        name = info.name or info.callback.__name__
        assert f"## fairwave {name}\n\n```text\n" in text and f"Usage: fairwave {name} " in text
    assert "--drops-per-batch" in text and "\x1b" not in text


def test_every_key_of_a_scenario_has_a_row(pages: ModuleType) -> None:
    from scenarios.config.loading import json_schema
    from scenarios.families import names

    text = pages.scenario_schema()
    for family in names():
        schema = json_schema(family)
        sections = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
        assert [key for part in sections for key in part["properties"] if f"\n| `{key}` | " not in text] == []


def test_every_public_module_has_a_place(pages: ModuleType) -> None:
    text = "".join(pages.api_page(name) for room in pages.ROOMS for name in pages.packages(room))
    files = [path.relative_to(ROOT) for room in pages.ROOMS for path in (ROOT / room).rglob("*.py")]
    modules = [".".join(path.with_suffix("").parts) for path in files if not path.stem.startswith("_")]
    assert [module for module in modules if f"::: {module}\n" not in text] == []
