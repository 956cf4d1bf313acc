"""Families of problems. A family is one file here and one line in :data:`FAMILIES`; nothing else knows its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ..errors import ScenarioError, did_you_mean, shown

if TYPE_CHECKING:
    import torch

    from mac.core.contracts import Problem
    from phy.random import Drops

    from ..config.schema import Clock, ScenarioBase

FAMILIES: dict[str, str] = {
    "scheduling": "scenarios.families.scheduling.family:FAMILY",
    "slicing": "scenarios.families.slicing.family:FAMILY",
    "wsn": "scenarios.families.wsn.family:FAMILY",
}
"""Name of a family -> where its record is; imported when it is first asked for.

Installed packages may add families by entry points in the group ``fairwave.families``.
"""


@dataclass(frozen=True)
class Labels:
    """What the arrays of a run mean: coordinates (dimensions, values) and plain attributes."""

    coordinates: Mapping[str, tuple[tuple[str, ...], Any]]
    attributes: Mapping[str, str | int | float]


@dataclass(frozen=True)
class Bound:
    """What no allocator can beat in one metric."""

    metric: str
    per_drop: Sequence[float]
    meaning: str  # which allocators it bounds, and what it relaxes


@dataclass(frozen=True)
class Family:
    """Everything that scenarios, runs and results need to know of a family.

    Attributes:
        name: as in a scenario's ``family``.
        allocator_family: whose allocators it takes: the folder in ``allocators/``.
        scenario_type: the schema of its scenario files.
        clock: the scenario's times as counts of decision intervals.
        check: looks at what a scenario names outside of itself (trace files); raises ValueError where unusable.
        build: the problem of a batch of drops on a device.
        labels: coordinates and attributes of the results, from the scenario and its problem.
        estimate_bytes: memory that a batch of so many drops needs, without what a bare process takes.
        estimate_seconds: time that one allocator takes for a batch of so many drops, on one CPU thread.
        best_batch: drops that are simulated fastest side by side on a device ("cpu" or "cuda").
        require: check of one allocator's (decision, observation, context), where several may run in one batch.
        context: what an allocator would be reset with for one drop, without building anything; where it is there,
            fairwave's own allocators are tried on it before a run.
        bound: what no allocator can beat on some drops; raises ValueError where it would not hold.
        account: what a scenario's results are counted with, as (what, how much); printed beside every table.
    """

    name: str
    allocator_family: str
    scenario_type: type[ScenarioBase]
    clock: Callable[[Any], Clock]
    check: Callable[[Any], None]
    build: Callable[[Any, Drops, torch.device, torch.dtype], Problem[Any, Any, Any]]
    labels: Callable[[Any, Any], Labels]
    estimate_bytes: Callable[[Any, int], int]
    estimate_seconds: Callable[[Any, int], float]
    best_batch: Callable[[Any, str], int]
    require: Callable[[Any, Any, Any], Any] | None = None
    context: Callable[[Any], object] | None = None
    bound: Callable[[Any, Drops], Bound] | None = None
    account: Callable[[Any], list[tuple[str, str]]] | None = None


def find(name: object) -> Family:
    """The family of that name.

    Raises:
        ScenarioError: there is none; the message names the nearest.
    """
    known = names()
    if not isinstance(name, str) or name not in known:
        raise ScenarioError(f"unknown family {shown(name)}{did_you_mean(str(name), known)}")
    module, _, attribute = known[name].partition(":")
    family = getattr(importlib.import_module(module), attribute)
    if not isinstance(family, Family):
        raise ScenarioError(f"the family '{name}' at {known[name]} is no scenarios.families.Family")
    return family


def names() -> dict[str, str]:
    """All known families: name -> ``module:attribute``."""
    return {point.name: point.value for point in entry_points(group="fairwave.families")} | FAMILIES


def account_of(scenario: ScenarioBase) -> list[tuple[str, str]]:
    """The account of a scenario's family; each variant's where they differ; empty where it has none."""
    from ..config.loading import variants

    account = find(scenario.family).account
    if account is None:
        return []
    by_variant = {name: dict(account(each)) for name, each in variants(scenario).items()}
    told: list[tuple[str, str]] = []
    for what in dict.fromkeys(what for lines in by_variant.values() for what in lines):
        texts = {name: lines[what] for name, lines in by_variant.items() if what in lines}
        same = len(texts) == len(by_variant) and len(set(texts.values())) == 1
        told.append((what, next(iter(texts.values())) if same else "; ".join(f"{n}: {t}" for n, t in texts.items())))
    return told
