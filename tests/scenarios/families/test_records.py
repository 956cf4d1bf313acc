"""The records of fairwave's own families: light to import, and everything that they name is there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from allocators.registry import available, contracts
from scenarios import families
from scenarios.families import Family, LazyImport


def imported(value: Any) -> list[LazyImport]:
    """Everything that a record, or a part of one, imports late."""
    if isinstance(value, LazyImport):
        return [value]
    if isinstance(value, dict):
        return [one for inner in value.values() for one in imported(inner)]
    if isinstance(value, families.RunPlot):
        return imported(value.draw)
    return []


@pytest.mark.parametrize("name", list(families.FAMILIES))
def test_what_a_record_imports_late_is_there(name: str) -> None:
    family = families.find(name)
    found = [one for field in fields(Family) for one in imported(getattr(family, field.name))]
    assert len(found) >= 8
    for one in found:
        assert one.load() is not None, one.where
    assert family.name == name and available(family.allocator_family) and contracts()[family.allocator_family]


def test_records_are_light() -> None:
    """``fairwave --help`` and ``fairwave list`` read them all, and must not wait for torch."""
    code = "from scenarios import families; families.every(); import sys; print(sorted({'torch', 'xarray', 'pandas', "
    code += "'matplotlib', 'scipy', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
