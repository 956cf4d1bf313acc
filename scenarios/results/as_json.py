"""Writes the tables of a run as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..run_result import RunResult

_SUMMARY = ("variant", "allocator", "metric", "unit", "mean", "drops", "remark")
_DIFFERENCE = ("metric", "a", "b", "mean_difference", "drops", "p", "p_flips", "p_holm", "needed_drops", "remark")


def tables_as_json(result: RunResult) -> dict[str, list[dict[str, Any]]]:
    """Returns the rows of the tables of a run; NaN becomes None.

    They are ``metrics``, ``paired`` and, where there are two variants, ``paired_variants``.
    """
    tables = {
        "metrics": _records(result.metrics, _SUMMARY),
        "paired": _records(result.paired, ("variant", *_DIFFERENCE)),
    }
    if len(result.variants) > 1:
        tables["paired_variants"] = _records(result.paired_variants, ("allocator", *_DIFFERENCE))
    return tables


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows of a table as plain values; NaN becomes None."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _records(table: pd.DataFrame, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {**{key: _plain(row[key]) for key in keys}, "ci95": [_plain(row["ci95_low"]), _plain(row["ci95_high"])]}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if value is pd.NA:
        return None
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
