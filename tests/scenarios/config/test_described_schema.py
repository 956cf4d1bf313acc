"""The text below a field is its description in the JSON schema, also of inherited fields."""

from __future__ import annotations

import pytest

from scenarios import families
from scenarios.config.described_schema import described_schema, field_texts
from scenarios.families.schema import Model


class _Panel(Model):
    """Describes a panel."""

    rows: int = 1
    """Rows of
    elements."""
    tilt_deg: float = 0.0


class _Array(_Panel):
    tilt_deg: float = 3.0
    """Downtilt."""


def test_texts_below_fields_are_found() -> None:
    assert field_texts(_Panel) == {"rows": "Rows of\nelements."}
    assert field_texts(_Array) == {"rows": "Rows of\nelements.", "tilt_deg": "Downtilt."}
    properties = described_schema(_Array)["properties"]
    assert {key: value.get("description") for key, value in properties.items()} == field_texts(_Array)


def test_a_class_without_a_source_has_no_texts() -> None:
    assert field_texts(type("_Made", (Model,), {"__annotations__": {"rows": int}, "rows": 1})) == {}


@pytest.mark.parametrize("family", families.FAMILIES)
def test_keys_of_scenario_files_are_described(family: str) -> None:
    schema = described_schema(families.find(family).schema)
    parts = {"": schema, **schema["$defs"]}
    bare = [f"{name}.{key}" for name, part in parts.items() for key, value in part.get("properties", {}).items()
            if "description" not in value and "const" not in value]  # fmt: skip
    assert bare == []
