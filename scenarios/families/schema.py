"""Defines what the scenarios of all families have: how long, how often, which allocators and variants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from mac.metrics.registry import METRICS, metric_named, plug_in

from ..errors import ScenarioError

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_LONGEST_NAME = 80


class Model(BaseModel):
    """Describes a part of a scenario file: no unknown keys, frozen, finite, each field described by the text below."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AllocatorSpec(Model):
    """Describes one allocator of a comparison."""

    name: str = Field(min_length=1)
    """A built-in name, the name of an entry point in the group `fairwave.allocators`, or `module:Class`."""
    label: str = ""
    """Name in the results; left out, the allocator's own name."""
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """The allocator's parameters: the fields of its dataclass."""

    @model_validator(mode="before")
    @classmethod
    def _label_by_name(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("name"), str) and not data.get("label"):
            return {**data, "label": folder_name(data["name"].rpartition(":")[2])}
        return data

    @field_validator("label")
    @classmethod
    def _label_is_a_folder_name(cls, label: str) -> str:
        return _checked_name(label, "a label")


def _make_known(name: str) -> None:
    """Loads the metric of a plug-in; any other is known."""
    if name.partition("/")[0] in METRICS:
        return
    from allocators.construction import installed_plug_ins, load, make_plug_in

    base = name.partition("/")[0]
    if ":" not in base and base not in (points := installed_plug_ins("fairwave.metrics")):
        return
    thing = load(base if ":" in base else points[base])
    plug_in(base, make_plug_in(thing, base, {}, "metric", ("compute(dataset)",)))


def plugged_metrics(scenario: ScenarioBase) -> list[str]:
    """Lists the metrics of plug-ins that a scenario names."""
    names = (name.partition("/")[0] for name in scenario.headline)
    return [name for name in dict.fromkeys(names) if name not in METRICS]


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NamedAllocator = Annotated[AllocatorSpec, BeforeValidator(_by_name, json_schema_input_type=str | AllocatorSpec)]


class ScenarioBase(Model):
    """Holds the settings that all families share."""

    name: str
    """Name of the scenario and of its run folder; left out, the name of the file."""
    description: str = ""
    """One sentence: what is compared, and where."""
    family: str
    """The kind of problem, which decides what else may stand here."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of everything random; the same seed gives the same channel and traffic to every allocator."""
    drops: int = Field(default=8, ge=1, le=1_000_000)
    """Independent networks simulated; results are means over them."""
    drops_per_batch: int | None = Field(default=None, ge=1)
    """Drops simulated side by side; left out, as many as serve speed and fit into memory. Never changes a result."""
    duration_s: float = Field(default=5.0, gt=0, le=1e6)
    """Recorded time of each drop, after the warm-up."""
    warmup_s: float = Field(default=0.0, ge=0, le=1e6)
    """Time simulated beforehand and not recorded."""
    window_s: float | None = Field(default=None, gt=0)
    """Length of a window of the results, a whole number of decision intervals; left out, the family's own."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the simulation."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to run on; auto takes a GPU where there is one."""
    allocators: tuple[NamedAllocator, ...] = Field(min_length=1)
    """Allocators to compare, each by name or as {name, label, params}."""
    variants: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Named sets of overrides; every allocator runs on every one. Keys may be dotted: `users.embb.count`.

    Variants replace those of the scenario that is extended; a list of names chooses among them instead.
    """
    headline: tuple[str, ...] = ()
    """Metrics that tables and plots show first, the one that decides in front; left out, the general ones.

    Those of plug-ins are named by an entry point in the group `fairwave.metrics` or as `module:Class`.
    """
    on_infeasible: Literal["error", "repair"] = "error"
    """Treatment of an infeasible decision: an error that names it, or a repair that is counted."""

    @classmethod
    def follow(cls, data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Lists the settings that follow from others where a file leaves them out, by section and key.

        Args:
            data: settings as given, not yet checked.
        """
        return {}

    def notes(self) -> list[str]:
        """Lists remarks for ``validate`` on defaults that a reader may not expect, a sentence each."""
        return []

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        return _checked_name(name, "a name")

    @field_validator("headline")
    @classmethod
    def _metrics_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _make_known(name)
            metric_named(name)
        return names

    @field_validator("allocators")
    @classmethod
    def _labels_differ(cls, specs: tuple[AllocatorSpec, ...]) -> tuple[AllocatorSpec, ...]:
        labels = distinct([spec.label for spec in specs])
        return tuple(s.model_copy(update={"label": label}) for s, label in zip(specs, labels, strict=True))

    @field_validator("variants")
    @classmethod
    def _variant_names(cls, variants: dict[str, dict[str, JsonValue]]) -> dict[str, dict[str, JsonValue]]:
        for name in variants:
            if _checked_name(name, "the name of a variant") == "all":
                raise ValueError("a variant cannot be called 'all', which names the mean over the variants")
        return variants


@dataclass(frozen=True)
class Clock:
    """Describes how long a drop runs, counted in decision intervals."""

    interval_s: float
    warmup: int
    intervals: int  # recorded, after the warm-up
    window: int  # intervals of a window


def clock(scenario: ScenarioBase, interval_s: float, window_s: float) -> Clock:
    """Converts the times of a scenario to counts of intervals.

    Args:
        scenario: its duration, warm-up and window are counted.
        interval_s: time between two decisions.
        window_s: length of a window where the scenario names none.

    Raises:
        ScenarioError: a time is no whole number of intervals, or the duration no whole number of windows.
    """
    window = whole(scenario.window_s or window_s, interval_s, "window_s", "decision intervals")
    return Clock(
        interval_s=interval_s,
        warmup=whole(scenario.warmup_s, interval_s, "warmup_s", "decision intervals") if scenario.warmup_s else 0,
        intervals=whole(scenario.duration_s, window * interval_s, "duration_s", "windows") * window,
        window=window,
    )


def whole(time_s: float, unit_s: float, key: str, units: str) -> int:
    """Converts a time to a count of units.

    Raises:
        ScenarioError: it is no whole number of them; the nearest one is told.
    """
    count = round(time_s / unit_s)
    if count < 1 or abs(time_s / unit_s - count) > 1e-6 * max(1, count):
        near = max(1, count) * unit_s
        raise ScenarioError(
            f"'{key}' must be a whole number of {units} of {unit_s:g} s, given {time_s:g}; try {near:.10g}"
        )
    return count


def distinct(labels: list[str]) -> list[str]:
    """Appends ``-2``, ``-3`` to labels that stood before."""
    seen: set[str] = set()
    out = []
    for label in labels:
        unique, n = label, 1
        while unique in seen:
            n += 1
            unique = f"{label}-{n}"
        seen.add(unique)
        out.append(unique)
    return out


def folder_name(text: str, otherwise: str = "allocator") -> str:
    """Converts a text into a folder's name: other characters become dashes, the length is cut to 80.

    Args:
        text: any.
        otherwise: the name where nothing of the text is left.
    """
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", text).lstrip("_.+-").rstrip("-.")[:_LONGEST_NAME] or otherwise


def _checked_name(name: str, what: str) -> str:
    if not _FOLDER_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"{what} names a folder, so it has 1-{_LONGEST_NAME} letters, digits or _.+- and starts with a letter or "
            "digit"
        )
    return name
