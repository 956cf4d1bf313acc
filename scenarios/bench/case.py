"""Defines a measurement of ``fairwave bench``: a workload, a batch, a mode and options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import families
from ..errors import ScenarioError, did_you_mean
from ..families.workload import ScalingWorkload, Workload


@dataclass(frozen=True)
class BenchOptions:
    """Describes how workloads are measured."""

    device: str = "cpu"
    """"cpu", or "cuda" for the GPU."""
    drops: int | None = None
    """This batch and no other."""
    allocator: str | None = None
    """In the loop; left out, the workload's own."""
    mode: str = "both"
    """exact, fast (where the workload has such a mode) or both."""
    compiled: bool | None = None
    """False: no compiled loops, torch's operations alone; left out or True: compiled, as in a run."""
    threads: int | None = None
    """Threads on a CPU; left out, what OMP_NUM_THREADS says, or one, as in a run."""
    workers: int = 1
    """Processes that measure the same at the same time, each a batch of its own; their rates are added up."""
    window_s: float | None = None
    """Length of a timed window, about; left out, that of the command."""
    distinct: int | None = None
    """Drops of a batch that are drawn; larger batches repeat them, which takes the loop just as long."""


@dataclass(frozen=True)
class BenchCase:
    """Describes one measurement."""

    workload: str
    drops: int
    mode: str
    options: BenchOptions
    meeting: Path | None = None
    """Folder in which the processes of the measurement wait for each other; None where there is but one."""


def workloads() -> dict[str, Workload]:
    """Collects the workloads of all families, by name."""
    return {name: workload for family in families.every() for name, workload in family.workloads.items()}


def scaling_workloads() -> dict[str, ScalingWorkload]:
    """Collects the workloads of ``fairwave bench --scaling`` of all families, by family and name: ``family-name``."""
    return {
        f"{family.name}-{name}": workload
        for family in families.every()
        for name, workload in family.scaling_workloads.items()
    }


def workload_of(case: BenchCase) -> Workload:
    """Finds the workload that a case measures.

    Raises:
        ScenarioError: there is none of that name.
    """
    known = {**scaling_workloads(), **workloads()}
    if case.workload not in known:
        raise ScenarioError(f"unknown workload '{case.workload}'{did_you_mean(case.workload, workloads())}")
    return known[case.workload]


def as_scenario(workload: Workload, case: BenchCase) -> dict[str, Any]:
    """Returns the scenario of a measurement: the workload's own in the case's mode."""
    options = case.options
    return {
        **workload.scenario(options.allocator or workload.allocator, case.drops),
        "name": f"bench-{case.workload}",
        "drops_per_batch": case.drops,
        "device": options.device,
        **((workload.fast or {}) if case.mode == "fast" else {}),
    }
