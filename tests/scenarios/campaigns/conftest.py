"""A sweep of the toy family that the tests of this folder read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarios import Sweep, families, sweep

TOY = {
    "name": "toy",
    "family": "toy",
    "drops": 3,
    "duration_s": 2.0,
    "allocators": ["toy_family:Even", {"name": "toy_family:Greedy", "params": {"power": 3.0}}],
}
GRID: dict[str, list[Any]] = {"users": [2, 4, 40], "pipe.rate_bps": [1e6, 2e6]}


@pytest.fixture(scope="module", autouse=True)
def _toy_is_known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.FAMILIES, "toy", "toy_family:FAMILY")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of users and the rate of the pipe, which tests must not change."""
    return sweep(TOY, GRID, out=tmp_path_factory.mktemp("made") / "sweep")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
