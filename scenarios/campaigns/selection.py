"""Selects what a figure shows of a sweep: one mean with its interval for each place on the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..errors import ScenarioError, did_you_mean, shown
from .points import value_text
from .sweep_result import SweepResult

ALLOCATOR, VARIANT = "allocator", "variant"


@dataclass(frozen=True)
class Axes:
    """Names what lies on the axes of a figure.

    Attributes:
        x: key of the horizontal axis.
        y: metric of the vertical axis.
        by: what curves differ in: a key, ``allocator`` or ``variant``.
        columns: what panels side by side differ in; None: there is one panel.
        at: keys that are on no axis, with the value to show.
    """

    x: str
    y: str
    by: str
    columns: str | None
    at: Mapping[str, Any]

    @property
    def places(self) -> list[str]:
        """Lists the axes whose values together name a mean."""
        return list(dict.fromkeys(name for name in (self.columns, self.by, self.x) if name is not None))


def axes_of(
    sweep: SweepResult, x: str | None, y: str | None, by: str, columns: str | None, at: Mapping[str, Any] | None
) -> Axes:
    """Checks the names of axes, and finds those that are left out: the first key that varies, the first metric.

    Raises:
        ScenarioError: a name that the sweep does not have, or one on two axes.
    """
    chosen = Axes(x or sweep.keys[0], y or _first_metric(sweep), by, columns, dict(at or {}))
    known = [*sweep.keys, ALLOCATOR, *([] if sweep.variants == [None] else [VARIANT])]
    named = [("x", chosen.x), ("by", by), ("columns", columns), *(("at", key) for key in chosen.at)]
    for option, name in named:
        if name is not None and name not in known:
            raise ScenarioError(f"{option}: '{name}' does not vary in {sweep.folder}{did_you_mean(name, known)}")
    on_axes = [name for _, name in named[:3] if name is not None]
    if twice := next((name for name in on_axes if on_axes.count(name) > 1), None):
        raise ScenarioError(f"'{twice}' is on two axes of x, by and columns; name another one for one of them")
    sweep.require_metric(chosen.y)
    return chosen


def select(sweep: SweepResult, axes: Axes, variant: str | None = None) -> pd.DataFrame:
    """Selects the rows of a figure, as :attr:`.SweepResult.metrics` has them: one for each place on the axes.

    Args:
        sweep: the sweep.
        axes: what is on them.
        variant: to show; the mean over variants where it is left out and no axis.

    Raises:
        ScenarioError: there is no such value, or several means belong to one place since a key is on no axis.
    """
    fixed = dict(axes.at)
    if VARIANT not in axes.places:
        fixed.setdefault(VARIANT, variant or sweep.variants[0])
    table = sweep.metric(axes.y)
    for key, value in fixed.items():
        found = table[_is(table[key], value)]
        if found.empty:
            known = [value_text(one) for one in dict.fromkeys(table[key].dropna())]
            raise ScenarioError(f"at: no point has {key} {shown(value)}{did_you_mean(str(value), known)}")
        table = found
    _require_one_each(table, axes, sweep.keys)
    return table


def require_labels(labels: Mapping[str, str], known: Sequence[str]) -> Mapping[str, str]:
    """Returns texts that stand for names, once it is checked that each of these names is known.

    Raises:
        ScenarioError: one is not.
    """
    for name in labels:
        if name not in known:
            raise ScenarioError(f"label: nothing here is named '{name}'{did_you_mean(name, known)}")
    return labels


def values_of(sweep: SweepResult, table: pd.DataFrame, name: str) -> list[Any]:
    """Lists the values of an axis that a table has: numbers by size, others in the order of the sweep."""
    there = list(dict.fromkeys(table[name].dropna()))
    return sorted(there) if is_numeric(there) else there


def is_numeric(values: Sequence[Any]) -> bool:
    """Checks whether all values are numbers, and none a truth value."""
    return all(pd.api.types.is_number(value) and not isinstance(value, bool) for value in values)


def _first_metric(sweep: SweepResult) -> str:
    if not sweep.headline:
        raise ScenarioError(f"no point of {sweep.folder} is done, or no metric applies; go on with --resume")
    return sweep.headline[0]


def _is(column: pd.Series[Any], value: Any) -> pd.Series[bool]:
    if value is None:
        return column.isna()
    same: pd.Series[bool] = (column == value) | (column.map(value_text) == value_text(value))
    return same


def _require_one_each(table: pd.DataFrame, axes: Axes, keys: Sequence[str]) -> None:
    twice = table[table.duplicated(axes.places, keep=False)]
    if twice.empty:
        return
    free = [key for key in (*keys, ALLOCATOR) if key not in axes.places and twice[key].nunique() > 1]
    name = free[0] if free else keys[0]
    example = value_text(twice[name].iloc[0])
    raise ScenarioError(
        f"'{name}' has {twice[name].nunique()} values and is on no axis: give --columns {name}, --by {name}, or one of "
        f"its values, as --at {name}={example}"
    )
