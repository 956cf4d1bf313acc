"""Writes what limits intervals and verdicts of a run: tied and skewed values, few drops, what allocators count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from mac.metrics.intervals import with_all
from mac.metrics.registry import is_of_events
from mac.metrics.small_samples import event_share_interval, mean_remark

if TYPE_CHECKING:
    from ..run_result import RunResult

LEVEL = 0.05
"""Of a difference beyond chance, after Holm's correction over the headline metrics."""
_COUNTS = "counts/"


def is_beyond_chance(row: Mapping[Any, Any]) -> bool:
    """Checks a row of the paired table: by the corrected p-value where it has one, else by the interval.

    A metric that is not in the headline, and whose values are tied or skewed, is never beyond chance.
    """
    if not math.isnan(row["p_holm"]):
        return bool(row["p_holm"] <= LEVEL)
    return not row["remark"] and bool(row["ci95_low"] > 0 or row["ci95_high"] < 0)


def p_text(row: Mapping[Any, Any], tests: int, both: bool = False) -> str:
    """Writes the p-values of a row, ``p = 0.012; p = 0.096 after Holm over 8 metrics``; empty where there is none.

    Args:
        row: of the paired table.
        tests: that the correction is for.
        both: tell the p-value of flipped signs beside Student's, where there are both.
    """
    if math.isnan(row["p"]):
        return ""
    flips = "" if math.isnan(row["p_flips"]) or not both else f", with signs flipped {_p(row['p_flips'])}"
    by = ", signs flipped" if row["remark"] else flips
    corrected = f"; {_p(row['p_holm'])} after Holm over {tests} metrics" if tests > 1 else ""
    return f"{_p(row['p'])}{by}{corrected}"


def needed_text(row: Mapping[Any, Any]) -> str:
    """Writes how many drops a difference of this size needs; empty where that was not estimated or is not needed."""
    needed = row["needed_drops"]
    if pd.isna(needed) or int(needed) <= int(row["drops"]):
        return ""
    return f"to tell a difference of this size, take about {int(needed)} drops"


def tests_of(table: pd.DataFrame, row: Mapping[Any, Any]) -> int:
    """Counts the headline metrics that were tested for the two allocators or variants of a row."""
    same = (table["a"] == row["a"]) & (table["b"] == row["b"])
    if "variant" in row:
        variant = row["variant"]
        same &= table["variant"] == variant if isinstance(variant, str) else table["variant"].isna()
    if "allocator" in row:
        same &= table["allocator"] == row["allocator"]
    return int(table.loc[same, "p"].notna().sum())


def interval_sentences(result: RunResult, variant: str | None) -> list[str]:
    """Writes a sentence for each headline metric that has values whose interval does not hold.

    Args:
        result: the run.
        variant: as in the table that the sentences stand below.
    """
    table = result.metrics
    here = table["variant"].isna() if variant is None else table["variant"] == variant
    shown = table[here & table["metric"].isin(result.headline) & (table["remark"] != "")]
    if shown.empty:
        return []
    values = with_all(result.per_drop)
    values = values[values["variant"].isna() if variant is None else values["variant"] == variant]
    return [_of_metric(metric, shown, values) for metric in result.headline if (shown["metric"] == metric).any()]


def count_sentences(result: RunResult) -> list[str]:
    """Writes a sentence for each allocator that counts something of its decisions."""
    rows = result.per_drop[result.per_drop["metric"].str.startswith(_COUNTS)]
    sums = rows.groupby(["allocator", "metric"], sort=False)["value"].sum().reset_index()
    told: dict[str, list[str]] = {}
    for row in sums.to_dict("records"):
        told.setdefault(str(row["allocator"]), []).append(f"{row['metric'].removeprefix(_COUNTS)} {row['value']:.0f}")
    return [f"counted by {label} over all drops: {', '.join(counts)}" for label, counts in told.items()]


def _of_metric(metric: str, shown: pd.DataFrame, values: pd.DataFrame) -> str:
    labels: dict[str, list[str]] = {}
    for row in shown[shown["metric"] == metric].to_dict("records"):
        one = values[(values["metric"] == metric) & (values["allocator"] == row["allocator"])]
        none = ", no interval can be told" if math.isnan(row["ci95_low"]) else ""
        labels.setdefault(f"{row['remark']}{_share(metric, one['value'])}{none}", []).append(str(row["allocator"]))
    parts = "; ".join(f"{', '.join(names)}: {what}" for what, names in labels.items())
    told = shown.loc[shown["metric"] == metric, "ci95_low"].notna().any()
    return f"* {metric}: {parts}.{' The interval does not hold.' if told else ''}"


def _share(metric: str, values: pd.Series) -> str:
    """Writes the share of drops in which a value differs from 0, where many do not: the event is rare."""
    known = values.dropna()
    if mean_remark(known, is_of_events(metric))[0] != f"{(known != 0).sum()} of {known.size} drops differ from 0":
        return ""
    low, high = event_share_interval(int((known != 0).sum()), known.size)
    return f" (95 % interval of this share: {low:.2g} to {high:.2g})"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
