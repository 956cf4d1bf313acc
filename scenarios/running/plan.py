"""Plans a run: every allocator on every variant, cut into batches of drops that fit into memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import families
from ..config.loading import scenario_hash, variants
from ..errors import ScenarioError, shown
from . import memory
from .executors.site import Site
from .worker_pool import require_not_too_many

if TYPE_CHECKING:
    from ..families import Family
    from ..families.schema import Clock, ScenarioBase


_WORKER_S = 4.0  # until a worker process has imported what it needs, about


@dataclass(frozen=True)
class VariantPlan:
    """Plans one variant of a run."""

    variant: str | None
    scenario: ScenarioBase
    clock: Clock
    drops_per_batch: int
    entrants: int  # allocators of a batch, side by side or one after the other
    copies: int  # of them side by side
    bytes: int
    seconds: float  # all drops and allocators, one CPU thread

    @property
    def batches(self) -> int:
        """Counts the batches of the variant where none is done yet; each is a separate piece of work."""
        return _ceil(self.scenario.drops, self.drops_per_batch) * _ceil(len(self.scenario.allocators), self.entrants)


@dataclass(frozen=True)
class Plan:
    """Holds everything that is settled before a run starts."""

    scenario: ScenarioBase
    family: Family
    device: str
    parts: tuple[VariantPlan, ...]
    workers: int  # batches at the same time, no more than there are; 1: none but this one
    device_name: str | None = None  # of the workers, where these are not of this machine

    @property
    def bytes(self) -> int:
        """Estimates the memory that the largest batch needs, in every worker at the same time."""
        largest = max(part.bytes for part in self.parts)
        return largest if self.workers == 1 else self.workers * (largest + memory.WORKER_BYTES)

    @property
    def seconds(self) -> float:
        """Estimates the time that everything takes, where each worker has a core of its own."""
        seconds = sum(part.seconds for part in self.parts)
        return seconds if self.workers == 1 else _WORKER_S + seconds / min(self.workers, os.cpu_count() or 1)

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as plain values."""
        first = self.parts[0]
        return {
            "scenario": self.scenario.name,
            "hash": scenario_hash(self.scenario),
            "family": self.scenario.family,
            "variants": list(self.scenario.variants),
            "allocators": [spec.label for spec in self.scenario.allocators],
            "drops": self.scenario.drops,
            "drops_per_batch": first.drops_per_batch,
            "allocators_per_batch": first.copies,
            "batches": sum(self._batches(part) for part in self.parts),
            "workers": self.workers,
            "interval_s": first.clock.interval_s,
            "warmup_intervals": first.clock.warmup,
            "intervals": first.clock.intervals,
            "windows": first.clock.intervals // first.clock.window,
            "device": self.device,
            "dtype": self.scenario.dtype,
            "memory_bytes": self.bytes,
            "seconds": round(self.seconds, 1),
        }

    def _batches(self, part: VariantPlan) -> int:
        """Counts the loops to be run: allocators one after the other in a batch count one by one."""
        return _ceil(self.scenario.drops, part.drops_per_batch) * _ceil(len(self.scenario.allocators), part.copies)


def make_plan(scenario: ScenarioBase, on: int | Site = 1, runs: int = 1) -> Plan:
    """Chooses device, batches and times of a scenario.

    Args:
        scenario: what will run.
        on: the workers that batches are shared out among, as evenly as drops and allocators can be; a number is one of
            processes of this machine.
        runs: that share the workers.

    Raises:
        ScenarioError: there is no such device, the scenario does not fit into memory, or so many workers cannot be.
    """
    site = on if isinstance(on, Site) else Site(on)
    family, device = families.find(scenario.family), _far_device(scenario, site) or device_of(scenario)
    if site.free_bytes is None:
        _require_workers(site.workers, device)
    named = variants(scenario)
    workers = min(site.workers, runs * len(named) * scenario.drops * len(scenario.allocators))
    each_workers = _ceil(workers if runs == 1 else 2 * workers, runs * len(named))
    parts = []
    for name, each in named.items():
        drops, copies = _fit(each, family, device, replace(site, workers=workers))
        drops, entrants = _cut(each, drops, each_workers)
        parts.append(_variant_plan(name, each, family, (drops, entrants, min(copies, entrants))))
    most = workers if runs > 1 else min(workers, sum(part.batches for part in parts))
    return Plan(scenario, family, device, tuple(parts), most, site.device_name)


def _far_device(scenario: ScenarioBase, site: Site) -> str | None:
    """Returns the device of far workers, which must be the one that the scenario asks for."""
    if site.device is not None and scenario.device not in ("auto", site.device):
        what = "take no GPU; give --num-gpus 1" if site.device == "cpu" else "take GPUs; leave --num-gpus out"
        raise ScenarioError(f"device '{scenario.device}' was asked for, but batches on other machines {what}")
    return site.device


def _fit(scenario: ScenarioBase, family: Family, device: str, site: Site) -> tuple[int, int]:
    """Chooses drops and allocators side by side: by the memory of one far worker, or by this machine's for all."""
    if site.free_bytes is not None:
        return memory.fit(scenario, family, device, site.free_bytes)
    return memory.fit(scenario, family, device, memory.available_bytes(device), site.workers)


def device_of(scenario: ScenarioBase) -> str:
    """Finds the device that a scenario runs on: "cpu" or "cuda".

    Raises:
        ScenarioError: a GPU is asked for where there is none.
    """
    import torch

    there = torch.cuda.is_available()
    if scenario.device == "cuda" and not there:
        raise ScenarioError("device 'cuda' was asked for, but torch finds no GPU here; take --device cpu or auto")
    return "cuda" if there and scenario.device != "cpu" else "cpu"


def _require_workers(workers: object, device: str) -> None:
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise ScenarioError(f"workers must be a whole number of 1 or more, given {shown(workers)}")
    require_not_too_many("workers", workers)
    if workers > 1 and device == "cuda":
        raise ScenarioError(
            f"{workers} workers cannot share the device 'cuda': one GPU runs drops side by side already; leave "
            "workers out, or take --device cpu"
        )


def _cut(scenario: ScenarioBase, drops: int, workers: int) -> tuple[int, int]:
    """Returns drops and allocators of a batch, so that a variant's workers share them evenly: fewer drops first."""
    allocators = len(scenario.allocators)
    if workers == 1:
        return drops, allocators
    turns = _ceil(scenario.drops, drops * workers)
    drops = _ceil(scenario.drops, turns * workers)
    return drops, _ceil(allocators, _ceil(workers, _ceil(scenario.drops, drops)))


def _variant_plan(name: str | None, scenario: ScenarioBase, family: Family, batch: tuple[int, int, int]) -> VariantPlan:
    size, entrants, copies = batch
    full, rest = divmod(scenario.drops, size)
    seconds = full * family.estimate_seconds(scenario, size * copies)
    seconds += family.estimate_seconds(scenario, rest * copies) if rest else 0.0
    seconds *= len(scenario.allocators) / copies
    need = family.estimate_bytes(scenario, size * copies)
    return VariantPlan(name, scenario, family.clock(scenario), size, entrants, copies, need, seconds)


def _ceil(count: int, of_each: int) -> int:
    return -(-count // of_each)
