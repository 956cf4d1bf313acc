"""Writes the files that a variant names by full paths, so that its scenario can be read again anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def with_absolute_paths(change: Any, found: Any) -> Any:
    """Returns the settings of a variant with the full paths of the files that were found beside the scenario.

    Args:
        change: what the variant says.
        found: the same place in the whole settings of the variant, checked.
    """
    if isinstance(change, Mapping):
        return {key: with_absolute_paths(value, _at(found, str(key))) for key, value in change.items()}
    if isinstance(change, list) and isinstance(found, list) and len(change) == len(found):
        return [with_absolute_paths(one, other) for one, other in zip(change, found, strict=True)]
    if isinstance(change, str) and isinstance(found, str) and Path(found).is_absolute():
        return found
    return change


def _at(found: Any, key: str) -> Any:
    """Returns what stands at a key, an item of a list by its name or place; None where nothing does."""
    if isinstance(found, Mapping):
        return found.get(key)
    items = found if isinstance(found, list) else []
    places = {str(place): item for place, item in enumerate(items)}
    named = {str(item["name"]): item for item in items if isinstance(item, Mapping) and "name" in item}
    return (places | named).get(key)
