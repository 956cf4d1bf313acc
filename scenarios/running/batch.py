"""Runs one batch: allocators on some drops of a variant, whose channel is drawn once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mac.core import loop
from mac.core.allocator_guard import AllocatorGuard, SettingsGuard
from mac.core.stacked_allocators import StackedAllocators
from phy.numerics.jit import CompilerError
from phy.random import Drops

from ..config.loading import drop_hash, scenario_hash
from ..errors import ScenarioError
from ..families import LazyImport
from ..results.dataset import dataset
from ..results.read_files import made_from, watching_files
from ..results.shards import RunKey

if TYPE_CHECKING:
    import xarray as xr

    from .entrants import Entrant
    from .plan import Plan, VariantPlan
    from .progress import Advance

Piece = tuple[RunKey, "xr.Dataset"]
"""The windows of one allocator on the drops of a batch."""


@dataclass(frozen=True)
class Batch:
    """Names allocators that have yet to run on some drops of a variant."""

    part: VariantPlan
    drops: tuple[int, ...]
    entrants: tuple[Entrant, ...]

    @property
    def drop_intervals(self) -> int:
        """Counts the drop-intervals to simulate."""
        return len(self.drops) * len(self.entrants) * self.part.clock.intervals


def run_batch(plan: Plan, batch: Batch, advance: Advance) -> Iterator[Piece]:
    """Runs the allocators of a batch, side by side where the plan says so.

    Args:
        plan: of the whole run.
        batch: the allocators, and the drops.
        advance: told of the drop-intervals that are done.

    Raises:
        ScenarioError: memory ran out, or a compiler failed.
        mac.core.contracts.AllocatorError: an allocator raised or decided what is not allowed.
    """
    part, ids, entrants = batch.part, batch.drops, batch.entrants
    together = part.copies > 1 and len(entrants) > 1
    try:
        with watching_files():
            began = time.perf_counter()
            problem = _problem(plan, part, ids * (len(entrants) if together else 1))
            setup_s = (time.perf_counter() - began) / len(entrants)
            if together:
                yield from _side_by_side(plan, part, problem, entrants, (advance, setup_s))
                return
            for entrant in entrants:
                tell = _counting(advance, len(ids), entrant.label)
                windows = loop.run(problem, entrant.make(plan.family), _length(part), entrant.label, tell)
                whole = dataset(windows, plan.family.labels(part.scenario, problem), part.clock, problem.drops)
                timing = {**windows.timing, "setup": setup_s}
                yield RunKey(part.variant, entrant.label), _named(whole, plan, part, entrant, timing)
    except (MemoryError, torch.OutOfMemoryError):
        raise ScenarioError(
            f"{plan.scenario.name}: memory ran out with {len(ids)} drops side by side; take fewer (drops_per_batch), "
            "and --resume to keep what is done"
        ) from None
    except CompilerError as error:
        raise ScenarioError(f"{plan.scenario.name}: {error}") from None


@contextmanager
def threads(device: str) -> Iterator[None]:
    """Sets one thread on a CPU, unless OMP_NUM_THREADS asks for more; the same in each worker process.

    Compiled loops share the drops out among threads. What is torch's own is so small in a slot that a second thread
    gains nothing there, and a busy neighbour makes it tenfold slower.
    """
    with SettingsGuard("the run"):
        if device == "cpu" and not os.environ.get("OMP_NUM_THREADS"):
            torch.set_num_threads(1)
        yield


def _side_by_side(
    plan: Plan, part: VariantPlan, problem: Any, entrants: Sequence[Entrant], told: tuple[Advance, float]
) -> Iterator[tuple[RunKey, xr.Dataset]]:
    """Runs one batch with a copy of the drops for each allocator; what they share of the time is divided equally."""
    advance, setup_s = told
    require = plan.family.require
    assert require is not None
    require = require.load() if isinstance(require, LazyImport) else require  # it is called for every decision
    held = {entrant.label: AllocatorGuard(entrant.make(plan.family), entrant.label) for entrant in entrants}
    side = StackedAllocators(held, require)
    tell = _counting(advance, len(problem.drops), f"{len(entrants)} allocators")
    windows = loop.run(problem, side, _length(part), "side by side", tell)
    whole = dataset(windows, plan.family.labels(part.scenario, problem), part.clock, problem.drops)
    count, drops = len(entrants), len(problem.drops) // len(entrants)
    for number, entrant in enumerate(entrants):
        own = whole.isel({"drop": slice(number * drops, (number + 1) * drops)}).assign_attrs(wall_shared_by=count)
        own = _own_counts(own, held[entrant.label])
        shared = {name: seconds / count for name, seconds in windows.timing.items()}
        timing = {**shared, "setup": setup_s, "decide": side.seconds[entrant.label]}
        yield RunKey(part.variant, entrant.label), _named(own, plan, part, entrant, timing)


def _own_counts(whole: xr.Dataset, allocator: AllocatorGuard) -> xr.Dataset:
    """Keeps the counts that this allocator has, out of those of all."""
    if "count" not in whole.dims:
        return whole
    names = list(allocator.decision_counts())
    return whole.sel(count=names) if names else whole.drop_dims("count")


def _problem(plan: Plan, part: VariantPlan, ids: tuple[int, ...]) -> Any:
    dtype = torch.float64 if part.scenario.dtype == "float64" else torch.float32
    return plan.family.build(part.scenario, Drops(part.scenario.seed, ids), torch.device(plan.device), dtype)


def _length(part: VariantPlan) -> loop.Span:
    clock = part.clock
    return loop.Span(intervals=clock.intervals, warmup=clock.warmup, window=clock.window, seed=part.scenario.seed)


def _counting(advance: Advance, drops: int, label: str) -> Callable[[int], None]:
    return lambda intervals: advance(intervals * drops, label)


def _named(
    whole: xr.Dataset, plan: Plan, part: VariantPlan, entrant: Entrant, timing: Mapping[str, float]
) -> xr.Dataset:
    """Labels the windows of one allocator with what they are of, what they were made from and what they took."""
    wall = {f"wall_{name}_s": round(seconds, 6) for name, seconds in timing.items()}
    names = {
        "family": plan.scenario.family,
        "scenario": plan.scenario.name,
        "variant": part.variant or "",
        "allocator": entrant.label,
        "seed": part.scenario.seed,
        "scenario_hash": scenario_hash(plan.scenario),
        "drop_hash": drop_hash(plan.scenario),
        "made_from": made_from(),
    }
    return whole.assign_attrs({**names, **wall})
