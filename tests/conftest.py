"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

LONG = ("test_pairs_of_settings.py", "test_installed_family.py")
"""Files with tests of up to half a minute. They come first, so that no core waits for the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Bit-for-bit tests must not depend on how many threads a sum was cut into."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _families_are_known() -> None:
    """Metrics of families are known once their records are imported, as any command and any run does."""
    from scenarios import families

    families.every()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A scenario of the toy family, which is registered while the test runs, in an empty working folder."""
    from scenarios import families

    monkeypatch.setitem(families.FAMILIES, "toy", "toy_family:FAMILY")
    monkeypatch.chdir(tmp_path)
    return {
        "name": "toy",
        "family": "toy",
        "drops": 6,
        "duration_s": 5.0,
        "allocators": ["toy_family:Even", {"name": "toy_family:Greedy", "params": {"power": 3.0}}],
    }
