"""Expands what varies into points, each of which is one run."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..config.loading import UNHASHED
from ..errors import ScenarioError, did_you_mean, shown
from ..families.schema import folder_name

How = Literal["grid", "zip", "list"]
HOWS: tuple[How, ...] = ("grid", "zip", "list")
MOST_POINTS = 100_000
"""Points of a sweep, at most: each is a run folder of its own."""

_FIXED = {
    **dict.fromkeys(UNHASHED, "it changes no result"),
    **dict.fromkeys(("name", "family", "extends", "variants"), "it holds for the whole sweep"),
    "allocators": "all allocators of a run meet the same drops: list them in the scenario's 'allocators', and vary a "
    "parameter as 'allocators.0.params.NAME'",
}
"""Keys that no sweep varies, and why."""


@dataclass(frozen=True)
class Point:
    """Describes one run of a sweep by the settings in which it differs."""

    number: int  # from 1
    settings: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Writes ``users.embb.count=5, carrier.prbs=25``."""
        return ", ".join(f"{key}={value_text(value)}" for key, value in self.settings.items())

    @property
    def origin(self) -> str:
        """Names the point in messages."""
        return f"point {self.number} ({self.label})"

    def folder(self, digest: str) -> str:
        """Names the folder of its run: what varies, in short, and the hash of its scenario.

        Args:
            digest: hash of its scenario, by which the folder is found again.
        """
        parts = (f"{key.rpartition('.')[2]}={value_text(value)}" for key, value in self.settings.items())
        short = "_".join(folder_name(part, "point") for part in parts)
        return f"{folder_name(short[:60], 'point')}-{digest[:12]}"


@dataclass(frozen=True)
class Space:
    """Describes what varies: keys with their values, and how these combine to points.

    Attributes:
        how: ``grid``: every combination; ``zip``: the first values, the second ones, ...; ``list``: points one by one.
        values: of each key; of a ``zip`` or a ``list`` equally many.
    """

    how: How
    values: Mapping[str, Sequence[Any]]

    @property
    def keys(self) -> list[str]:
        """Lists the keys that vary."""
        return list(self.values)

    @property
    def size(self) -> int:
        """Counts the points."""
        counts = [len(values) for values in self.values.values()]
        return math.prod(counts) if self.how == "grid" else counts[0]

    def points(self) -> Iterator[Point]:
        """Yields the points, the last key of a grid varying fastest."""
        columns = self.values.values()
        rows = itertools.product(*columns) if self.how == "grid" else zip(*columns, strict=True)
        for number, row in enumerate(rows, 1):
            yield Point(number, dict(zip(self.keys, row, strict=True)))


def space_of(how: str, given: Any, origin: str) -> Space:
    """Checks what a sweep says that varies.

    Args:
        how: ``grid``, ``zip`` or ``list``.
        given: a mapping from dotted keys to lists of values; for a ``list`` a list of mappings from keys to a value.
        origin: where it stands, for messages.

    Raises:
        ScenarioError: there is nothing that varies, a key cannot vary, or there are too many points.
    """
    if how not in HOWS:
        raise ScenarioError(f"{origin}: 'how' is {shown(how)}{did_you_mean(str(how), HOWS)}")
    where = f"{origin}: '{how}'"
    values = _columns(given, where) if how == "list" else _lists(given, where)
    for key in values:
        _require_variable(key, where)
    counts = {key: len(column) for key, column in values.items()}
    if how == "zip" and len(set(counts.values())) > 1:
        told = ", ".join(f"{key} has {count}" for key, count in counts.items())
        raise ScenarioError(f"{where} pairs values one by one, so all keys have equally many: {told}")
    space = Space(how, values)
    if space.size > MOST_POINTS:
        product = f"{' x '.join(map(str, counts.values()))} = " if how == "grid" else ""
        raise ScenarioError(f"{where} has {product}{space.size:,} points; at most "
                            f"{MOST_POINTS:,}, each a run; take fewer values, or pairs of them (zip)")  # fmt: skip
    _require_distinct(space, where)
    return space


def value_text(value: Any) -> str:
    """Writes a value as labels and axes show it: numbers and texts as they are, anything else as JSON."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, str):
        return plain
    return f"{plain:g}".replace("e+0", "e").replace("e-0", "e-") if isinstance(plain, float) else json.dumps(plain)


def _lists(given: Any, where: str) -> dict[str, list[Any]]:
    if not isinstance(given, Mapping) or not given:
        raise ScenarioError(f"{where} must be a mapping from dotted keys to lists of values, given {shown(given)}")
    values = {}
    for key, column in given.items():
        column = column.tolist() if hasattr(column, "tolist") else column  # of NumPy and pandas
        if not isinstance(column, Sequence) or isinstance(column, str) or not column:
            raise ScenarioError(
                f"{where}: '{key}' must be a list of values, such as [5, 10, 20], given {shown(column)}"
            )
        values[str(key)] = [value.item() if hasattr(value, "item") else value for value in column]
    return values


def _columns(given: Any, where: str) -> dict[str, list[Any]]:
    rows = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if not rows or not all(isinstance(row, Mapping) and row for row in rows):
        raise ScenarioError(f"{where} must be a list of points, each a mapping from dotted keys to a value, given "
                            f"{shown(given)}")  # fmt: skip
    keys = {str(key) for key in rows[0]}
    for number, row in enumerate(rows, 1):
        if other := keys.symmetric_difference(map(str, row)):
            raise ScenarioError(f"{where}: all points give the same keys; point {number} and point 1 differ in "
                                f"{', '.join(sorted(other))}")  # fmt: skip
    return {str(key): [row[key] for row in rows] for key in rows[0]}


def _require_variable(key: str, where: str) -> None:
    """Refuses a key that no sweep varies."""
    top, _, rest = key.partition(".")
    if (why := _FIXED.get(top)) is not None and not (top == "allocators" and ".params" in rest):
        raise ScenarioError(f"{where}: '{key}' cannot vary: {why}")


def _require_distinct(space: Space, where: str) -> None:
    """Refuses a value, or of pairs and lists a point, that stands twice."""
    columns = space.values.items() if space.how == "grid" else [("the points", [p.label for p in space.points()])]
    for name, column in columns:
        texts = [f"{type(value).__name__} {value_text(value)}" for value in column]
        if twice := next((i for i, text in enumerate(texts) if text in texts[:i]), None):
            named = f"'{name}' has" if space.how == "grid" else "there is"
            raise ScenarioError(f"{where}: {named} {shown(column[twice])} twice; leave one of them out")
