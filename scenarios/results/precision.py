"""Defines the precision that a run is asked for, ``a - b: satisfaction +-0.01 in calm``, and says what is reached."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mac.metrics.intervals import ALL, with_all
from mac.metrics.precision import precision
from mac.metrics.registry import limits_of, metric_named
from mac.metrics.small_samples import remark

from ..errors import ScenarioError, did_you_mean, shown

if TYPE_CHECKING:
    import pandas as pd

    from ..families.schema import ScenarioBase

    Floats = np.ndarray[Any, np.dtype[np.float64]]

_GOAL = re.compile(
    r"(?:(?P<allocators>.+?)\s*:\s+)?(?P<metric>\S+?)\s*(?:\+-|\+/-|±)\s*(?P<half>\S+)(?:\s+in\s+(?P<variant>\S+))?"
)
_FORM = "write it as 'satisfaction +-0.01', 'equal: satisfaction +-0.01' or 'max_weight - equal: satisfaction +-0.01'"


@dataclass(frozen=True)
class Goal:
    """Describes an interval that is asked for.

    Attributes:
        metric: of the mean.
        half: half of the 95 % interval, in the unit of the metric.
        a: label of an allocator; empty: of every one.
        b: of a paired difference ``a - b`` the other one.
        variant: name of a variant; empty: the mean over variants where there are some.
    """

    metric: str
    half: float
    a: str = ""
    b: str = ""
    variant: str = ""

    @property
    def text(self) -> str:
        """Writes the goal as it is asked for."""
        names = f"{self.a} - {self.b}: " if self.b else f"{self.a}: " if self.a else ""
        return f"{names}{self.metric} +-{self.half:g}{f' in {self.variant}' if self.variant else ''}"


def goals_of(texts: Sequence[str] | str, scenario: ScenarioBase) -> tuple[Goal, ...]:
    """Parses goals, and checks the names of allocators, variants and metrics.

    Raises:
        ScenarioError: a text that is none, or a name that the scenario does not have.
    """
    given = [texts] if isinstance(texts, str) else list(texts)
    return tuple(_goal(text, [spec.label for spec in scenario.allocators], list(scenario.variants)) for text in given)


def _goal(text: str, labels: Sequence[str], variants: Sequence[str]) -> Goal:
    found = _GOAL.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ScenarioError(f"--until {shown(text)}: {_FORM}")
    a, minus, b = (found["allocators"] or "").partition(" - ")
    for label in filter(None, (a.strip(), b.strip())):
        if label not in labels:
            raise ScenarioError(f"--until {shown(text)}: unknown allocator '{label}'{did_you_mean(label, labels)}")
    if (variant := found["variant"] or "") and variant not in variants:
        known = did_you_mean(variant, variants) or "; this scenario has none"
        raise ScenarioError(f"--until {shown(text)}: unknown variant '{variant}'{known}")
    if minus and (not b.strip() or a.strip() == b.strip()):
        raise ScenarioError(f"--until {shown(text)}: a difference is that of two allocators; {_FORM}")
    try:
        metric_named(found["metric"])
        half = float(found["half"])
    except ValueError as error:
        what = str(error) if "metric" in str(error) else f"{shown(found['half'])} is no number; {_FORM}"
        raise ScenarioError(f"--until {shown(text)}: {what}") from None
    if not (0 < half < math.inf):
        raise ScenarioError(f"--until {shown(text)}: half of the interval must be above 0, given {found['half']}")
    return Goal(found["metric"], half, a.strip(), b.strip(), variant)


@dataclass(frozen=True)
class Reached:
    """Describes what is reached of a goal.

    Attributes:
        goal: with its allocator.
        mean: over drops.
        half: half of the interval, infinite where the values do not vary enough to tell.
        drops: that have a value.
        needed: drops that would do, as far as can be told.
        remark: why the interval does not hold, as :func:`mac.metrics.small_samples.remark`.
    """

    goal: Goal
    mean: float
    half: float
    drops: int
    needed: int
    remark: str

    @property
    def met(self) -> bool:
        """Checks whether the interval is as narrow as asked for."""
        return self.half <= self.goal.half

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values; the interval is the one asked for where that is met."""
        half = self.goal.half if self.met else self.half
        low, high = limits_of(self.goal.metric)
        low, high = (low - high, high - low) if self.goal.b else (low, high)
        known = math.isfinite(half)
        return {
            "goal": self.goal.text,
            "met": self.met,
            "mean": self.mean if math.isfinite(self.mean) else None,
            "ci95_low": max(low, self.mean - half) if known else None,
            "ci95_high": min(high, self.mean + half) if known else None,
            "half": self.half if known else None,
            "drops": self.drops,
            "needed_drops": self.needed,
            "remark": self.remark,
        }


def reached(goal: Goal, per_drop: pd.DataFrame, pilot: int) -> Iterator[Reached]:
    """Computes what the drops of a run reach of a goal, for each allocator that it is about.

    Args:
        goal: of a metric's mean.
        per_drop: as :attr:`.Result.per_drop`.
        pilot: the first so many drops are the pilot of :func:`mac.metrics.precision.precision`.

    Raises:
        ScenarioError: the run does not have the metric.
    """
    table = _rows_of(goal, per_drop)
    wide = table.pivot(index="drop", columns="allocator", values="value").sort_index()
    for label in [goal.a] if goal.a else list(dict.fromkeys(table["allocator"])):
        with np.errstate(invalid="ignore"):
            values = (wide[label] - wide[goal.b] if goal.b else wide[label]).to_numpy(dtype=np.float64)
        found = precision(values, pilot, goal.half)
        known = values[~np.isnan(values)]
        mean = float(known.mean()) if known.size else math.nan
        named = replace(goal, a=label)
        yield Reached(named, mean, found.half, known.size, found.drops, remark(known))


def _rows_of(goal: Goal, per_drop: pd.DataFrame) -> pd.DataFrame:
    """Selects the metric of a goal, in its variant or as the mean over variants."""
    here = per_drop if not goal.variant else per_drop[per_drop["variant"] == goal.variant]
    table = here[here["metric"] == goal.metric]
    lacking = sorted({goal.a, goal.b} - {"", *table["allocator"]})
    if table.empty or lacking:
        of = "" if table.empty else f" of {' and '.join(lacking)}"
        raise ScenarioError(f"--until '{goal.text}': this run has no metric '{goal.metric}'{of}"
                            f"{did_you_mean(goal.metric, dict.fromkeys(here['metric']))}")  # fmt: skip
    if table["variant"].isna().all() or goal.variant:
        return table
    every = with_all(table)
    return every[every["variant"] == ALL]


def precision_sentences(record: Mapping[str, Any]) -> list[str]:
    """Writes what a run was asked for by ``--until`` and reached, a sentence for each goal, from its meta.json."""
    return [_sentence(one, record["max_drops"]) for one in record["goals"]]


def _sentence(one: Mapping[str, Any], most: int) -> str:
    drops = f"{one['drops']} drops"
    if one["met"]:
        return f"{one['goal']}: reached with {drops}, {one['ci95_low']:.6g} to {one['ci95_high']:.6g}"
    if one["half"] is None:
        why = one["remark"] or "the values do not vary enough"
        return f"{one['goal']}: NOT reached: {drops} (--max-drops {most}) do not tell the spread: {why}"
    return (
        f"{one['goal']}: NOT reached with {drops} (--max-drops {most}), only +-{one['half']:.2g}: "
        f"{one['ci95_low']:.6g} to {one['ci95_high']:.6g}; about {one['needed_drops']} drops would do"
    )
