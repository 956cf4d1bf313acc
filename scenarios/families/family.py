"""Defines what a family tells the rest of fairwave: its problem, metrics, plots, workloads and commands."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .renamed import Renamed

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from matplotlib.figure import Figure

    from mac.core.contracts import Problem
    from mac.metrics.metric import Metric
    from phy.random import Drops

    from ..run_result import RunResult
    from .environment import Environment
    from .schema import Clock, ScenarioBase
    from .workload import ScalingWorkload, Workload


@dataclass(frozen=True)
class LazyImport:
    """Represents a function or a class that is imported when it is first used, so that a record costs no import.

    Attributes:
        where: ``module:attribute``.
    """

    where: str

    def load(self) -> Any:
        """Imports what is meant."""
        module, _, attribute = self.where.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls it."""
        return self.load()(*args, **kwargs)


@dataclass(frozen=True)
class Labels:
    """Describes what the arrays of a run mean: coordinates (dimensions, values) and plain attributes."""

    coordinates: Mapping[str, tuple[tuple[str, ...], Any]]
    attributes: Mapping[str, str | int | float]


@dataclass(frozen=True)
class Bound:
    """Holds what no allocator can exceed in one metric."""

    metric: str
    per_drop: Sequence[float]
    meaning: str  # which allocators it bounds, and what it relaxes


def always(result: RunResult, dataset: xr.Dataset) -> bool:
    """Applies to every run."""
    return True


@dataclass(frozen=True)
class RunPlot:
    """Describes a plot of a run.

    Attributes:
        draw: makes the figure of a result and a variant (None: the plot chooses); options of its own may follow.
        caption: one or two sentences that the report prints below it.
        applies: tells from a run, and the windows of its first allocator and variant, whether the run has the data.
    """

    draw: Callable[..., Figure]
    caption: str
    applies: Callable[[RunResult, xr.Dataset], bool] = always


@dataclass(frozen=True)
class ReportSection:
    """Describes a table that the report prints of the runs of one family.

    Attributes:
        title: its heading.
        rows: makes the rows of a run, all with the same keys, which are the headings of the columns; none: no section.
        note: a sentence below the table.
    """

    title: str
    rows: Callable[[RunResult], Sequence[Mapping[str, object]]]
    note: str = ""


@dataclass(frozen=True)
class Family:
    """Holds everything that scenarios, runs, results and the command line need to know of a family.

    Attributes:
        name: as in a scenario's ``family``.
        allocator_family: the family of its allocators; a folder in ``allocators/``, or the name under which they
            are entered.
        scenario_type: the schema of its scenario files, a subclass of :class:`.schema.ScenarioBase`.
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
        bound: what no allocator can exceed on some drops; raises ValueError where it would not hold.
        account: what a scenario's results are counted with, as (what, how much); printed beside every table.
        allocators: its allocators by name, as ``module:Class``; those of fairwave's own families stand in
            ``allocators/<family>/__init__.py``.
        contract: ``module:attribute`` of its :class:`allocators.contract.cases.FamilyCheck`, likewise.
        metrics: metrics beside those of :data:`mac.metrics.registry.CORE`, which apply where their arrays are;
            a lazy import stands for a tuple of them.
        headline: metrics that stand first in its tables where a scenario names none; the general ones follow.
        notes: remarks on a finished run, as (what, sentence), printed beside the account.
        plots: plots of its runs, by the name of their file; they follow the general ones.
        unsuitable_plots: general plots that would mislead.
        report_sections: tables of the report, below the account.
        workloads: what ``fairwave bench`` measures, by name.
        scaling_workloads: what ``fairwave bench --scaling`` measures, smallest first.
        environment: what learners need to know of it: agents, features, actions, rewards. None: it has no environment.
        commands: makes a typer application, mounted as ``fairwave <name>``.
        own_commands: commands that stand beside those of fairwave, as ``fairwave <command>``: name -> the function.
        trainers: ways of training of its own, by the name that ``fairwave train --method`` takes. Each is called with
            scenario, rounds, updates of a round (None: as it chooses), file, what is told of progress, and whether to
            overwrite any file; it returns a :class:`scenarios.running.training.TrainingSummary`.
        renamed: keys and values of its scenario files that once had another name; the old ones are refused.
        moved_options: options that ``fairwave report`` once had for its runs -> the command to take instead.
    """

    name: str
    allocator_family: str
    scenario_type: type[ScenarioBase] | LazyImport
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
    allocators: Mapping[str, str] = field(default_factory=dict)
    contract: str | None = None
    metrics: tuple[Metric | LazyImport, ...] | LazyImport = ()
    headline: tuple[str, ...] = ()
    notes: Callable[[RunResult], list[tuple[str, str]]] | None = None
    plots: Mapping[str, RunPlot] = field(default_factory=dict)
    unsuitable_plots: tuple[str, ...] = ()
    report_sections: tuple[ReportSection, ...] = ()
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    scaling_workloads: Mapping[str, ScalingWorkload] = field(default_factory=dict)
    environment: Environment | LazyImport | None = None
    commands: Callable[[], Any] | None = None
    own_commands: Mapping[str, LazyImport] = field(default_factory=dict)
    trainers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    renamed: Renamed = field(default_factory=Renamed)
    moved_options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def built_in(cls, name: str, scenario_type: str) -> Family:
        """Describes a family of fairwave's own by what its ``scenario.py`` defines; ``replace`` adds the rest.

        Args:
            name: that of its folders in ``scenarios/families`` and ``allocators``.
            scenario_type: name of the class of its scenarios.
        """

        def imported(attribute: str) -> LazyImport:
            return LazyImport(f"scenarios.families.{name}.scenario:{attribute}")

        return cls(
            name=name,
            allocator_family=name,
            scenario_type=imported(scenario_type),
            clock=imported("clock_of"),
            check=imported("check"),
            build=imported("build"),
            labels=imported("labels"),
            estimate_bytes=imported("estimate_bytes"),
            estimate_seconds=imported("estimate_seconds"),
            best_batch=imported("best_batch"),
        )

    @property
    def schema(self) -> type[ScenarioBase]:
        """Returns the class of its scenarios, imported."""
        found = self.scenario_type
        kind: type[ScenarioBase] = found.load() if isinstance(found, LazyImport) else found
        return kind
