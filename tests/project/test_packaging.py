"""The four folders are the import packages, and they belong to fairwave."""

from __future__ import annotations

import importlib
import json
import tomllib
from importlib.metadata import distribution, entry_points
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("phy", "mac", "allocators", "scenarios")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_belong_to_fairwave(room: str) -> None:
    file = importlib.import_module(room).__file__
    assert file is not None
    installed = distribution("fairwave")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        home = Path(unquote(urlparse(origin["url"]).path))
        assert Path(file).resolve() == (home / room / "__init__.py").resolve(), "another package stands in the way"
    else:
        listed = {Path(str(installed.locate_file(path))).resolve() for path in installed.files or ()}
        assert Path(file).resolve() in listed, "another package stands in the way"


def test_the_command_is_fairwaves() -> None:
    scripts = [point for point in entry_points(group="console_scripts") if point.name == "fairwave"]
    assert [point.value for point in scripts] == ["scenarios.cli.main:main"]


def test_the_metadata() -> None:
    metadata = distribution("fairwave").metadata
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(ROOMS)


def test_torch_is_pinned_in_the_constraints() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert "torch==2.13.0" in pins
    assert all("==" in pin for pin in pins)


def test_every_room_carries_its_types_and_data() -> None:
    for room in ROOMS:
        assert (ROOT / room / "py.typed").is_file()
    assert list((ROOT / "scenarios" / "presets").rglob("*.yaml"))
    assert not (ROOT / "tests" / "__init__.py").exists()
