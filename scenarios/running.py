"""Run a scenario: every allocator on the same air and the same traffic, into a folder of whole shards."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mac import loop
from mac.arms_length import ArmsLength
from mac.side_by_side import SideBySide
from phy.random import Drops

from . import families
from .contenders import Contender, Given, as_settings, check, contenders
from .errors import ScenarioError
from .fingerprint import Maker, makers
from .finish import finish
from .folders import choose, open_folder
from .interrupts import Interrupts, interrupts
from .loading import Source, load, scenario_hash
from .plan import Part, Plan, make_plan
from .progress import Advance, progress_bar
from .results import Result, dataset
from .shards import Cell, batches, whole_shards, write_shard

if TYPE_CHECKING:
    import xarray as xr

    from .schema import ScenarioBase


def run(
    scenario: Source,
    /,
    allocators: Sequence[Given] | Mapping[str, Given] | Given | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    plots: bool = True,
    **overrides: Any,
) -> Result:
    """Compare allocators on a scenario.

    Args:
        scenario: name of a preset, path of a YAML file, a mapping, or what :func:`scenarios.load` returned.
        allocators: names, ``{name, params}``, objects or classes with ``reset`` and ``decide``; a single one, or a
            mapping from labels to these; left out, the scenario's own.
        out: the run folder; left out, a new one below ``runs/``.
        resume: go on in a folder that holds part of this very run.
        progress: show a bar, in a notebook or a terminal.
        plots: draw the plots into the run folder.
        overrides: settings that replace the scenario's: ``run("slicing-quickstart", drops=2, seed=1)``.

    Raises:
        ScenarioError: a setting, an allocator's name or the folder cannot be used; nothing has been written.
        mac.contracts.AllocatorError: an allocator raised or decided what is not allowed.
    """
    things: list[object | None] = []
    if allocators is not None:
        overrides["allocators"], things = as_settings(allocators)
    settled = load(scenario, **overrides)
    return execute(settled, contenders(settled, things), Options(out, resume, progress, plots))


@dataclass(frozen=True)
class Options:
    """How a run is carried out; none of it changes a result."""

    out: str | Path | None = None
    resume: bool = False
    progress: bool = True
    plots: bool = True
    command: str | None = None  # as typed, for the run's meta.json


def execute(scenario: ScenarioBase, entrants: Sequence[Contender], options: Options) -> Result:
    """Check everything, then run what is missing, then write the tables and plots."""
    began = time.perf_counter()
    with _saying_what_is_kept() as folders, interrupts() as ctrl_c:
        family = families.find(scenario.family)
        check(entrants, family)
        plan = make_plan(scenario)
        for part in plan.parts:
            family.check(part.scenario)
        made = makers(plan, entrants)
        folder = choose(scenario, options.out, options.resume, made)
        folders.append(folder)
        todo = [_todo(folder, plan, part, entrants, made) for part in plan.parts]
        with _threads(plan.device):
            _simulate(folder, plan, todo, ctrl_c, options.progress)
            return finish(Result(folder), plan, options, time.perf_counter() - began)


@contextmanager
def _saying_what_is_kept() -> Iterator[list[Path]]:
    """Ctrl-C carries a sentence on the whole shards in the run folder, if the folder is chosen and there are any."""
    folders: list[Path] = []
    try:
        yield folders
    except KeyboardInterrupt as stop:
        kept = [folder for folder in folders if any(folder.glob("shards/*/*/drops-*.nc"))]
        if stop.args or not kept:
            raise
        raise KeyboardInterrupt(f"whole shards are kept in {kept[0]}, and --resume goes on from them") from None


def _simulate(folder: Path, plan: Plan, todo: Sequence[_Work], ctrl_c: Interrupts, progress: bool) -> None:
    """Run what is missing, and write each shard as soon as it is there."""
    ctrl_c.check()
    with progress_bar(sum(work.drop_intervals for work in todo), progress) as advance:
        shards = _shards(plan, todo, _stopping(advance, ctrl_c))
        first = list(itertools.islice(shards, 1))
        open_folder(folder, plan.scenario)  # not before: a run that fails at once leaves nothing behind
        for cell, windows in itertools.chain(first, shards):
            with ctrl_c.shield():
                write_shard(folder, cell, windows)
    ctrl_c.check()


def _stopping(advance: Advance, ctrl_c: Interrupts) -> Advance:
    """``advance`` that also stops the run where Ctrl-C was pressed and got lost."""

    def checked(count: int, what: str) -> None:
        ctrl_c.check()
        advance(count, what)

    return checked


def _shards(plan: Plan, todo: Sequence[_Work], advance: Advance) -> Iterator[tuple[Cell, xr.Dataset]]:
    for work in todo:
        for drops, missing in work.by_batch.items():
            for cell, windows in _batch(plan, work.part, drops, missing, advance):
                yield cell, windows.assign_attrs(work.made[cell].attributes())


@contextmanager
def _threads(device: str) -> Iterator[None]:
    """One thread on a CPU, unless OMP_NUM_THREADS asks for more.

    Compiled loops share the drops out among threads. What is torch's own is so small in a slot that a second thread
    gains nothing there, and a busy neighbour makes it tenfold slower.
    """
    before = torch.get_num_threads()
    if device == "cpu" and not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Work:
    """What is still missing of a variant: for each batch of drops, who has yet to run on it."""

    part: Part
    by_batch: dict[tuple[int, ...], list[Contender]]
    made: Mapping[Cell, Maker]

    @property
    def drop_intervals(self) -> int:
        return sum(len(drops) * len(who) for drops, who in self.by_batch.items()) * self.part.clock.intervals


def _todo(folder: Path, plan: Plan, part: Part, entrants: Sequence[Contender], made: Mapping[Cell, Maker]) -> _Work:
    key = scenario_hash(plan.scenario)
    by_batch: dict[tuple[int, ...], list[Contender]] = {}
    for entrant in entrants:
        shards = whole_shards(folder, Cell(part.variant, entrant.label), key)
        missing = set(range(plan.scenario.drops)) - {drop for shard in shards for drop in shard.drops}
        for batch in batches(missing, part.drops_per_batch):
            by_batch.setdefault(batch, []).append(entrant)
    return _Work(part, by_batch, made)


def _batch(
    plan: Plan, part: Part, ids: tuple[int, ...], missing: Sequence[Contender], advance: Advance
) -> Iterator[tuple[Cell, xr.Dataset]]:
    """Run allocators on one batch of drops, whose air is drawn once; side by side where the plan says so."""
    together = part.copies > 1 and len(missing) > 1
    try:
        began = time.perf_counter()
        problem = _problem(plan, part, ids * (len(missing) if together else 1))
        setup_s = (time.perf_counter() - began) / len(missing)
        if together:
            yield from _side_by_side(plan, part, problem, missing, (advance, setup_s))
            return
        for entrant in missing:
            tell = _counting(advance, len(ids), entrant.label)
            windows = loop.run(problem, entrant.make(plan.family), _length(part), entrant.label, tell)
            whole = dataset(windows, plan.family.labels(part.scenario, problem), part.clock, problem.drops)
            timing = {**windows.timing, "setup": setup_s}
            yield Cell(part.variant, entrant.label), _named(whole, plan, part, entrant, timing)
    except (MemoryError, torch.OutOfMemoryError):
        raise ScenarioError(
            f"{plan.scenario.name}: memory ran out with {len(ids)} drops side by side; take fewer (drops_per_batch), "
            "and --resume to keep what is done"
        ) from None


def _side_by_side(
    plan: Plan, part: Part, problem: Any, entrants: Sequence[Contender], told: tuple[Advance, float]
) -> Iterator[tuple[Cell, xr.Dataset]]:
    """One batch in which every allocator has its own copy of the drops; what they share of the time is shared out."""
    advance, setup_s = told
    assert plan.family.require is not None
    held = {entrant.label: ArmsLength(entrant.make(plan.family), entrant.label) for entrant in entrants}
    side = SideBySide(held, plan.family.require)
    tell = _counting(advance, len(problem.drops), f"{len(entrants)} allocators")
    windows = loop.run(problem, side, _length(part), "side by side", tell)
    whole = dataset(windows, plan.family.labels(part.scenario, problem), part.clock, problem.drops)
    count, drops = len(entrants), len(problem.drops) // len(entrants)
    for number, entrant in enumerate(entrants):
        own = whole.isel({"drop": slice(number * drops, (number + 1) * drops)}).assign_attrs(wall_shared_by=count)
        shared = {name: seconds / count for name, seconds in windows.timing.items()}
        timing = {**shared, "setup": setup_s, "decide": side.seconds[entrant.label]}
        yield Cell(part.variant, entrant.label), _named(own, plan, part, entrant, timing)


def _problem(plan: Plan, part: Part, ids: tuple[int, ...]) -> Any:
    dtype = torch.float64 if part.scenario.dtype == "float64" else torch.float32
    return plan.family.build(part.scenario, Drops(part.scenario.seed, ids), torch.device(plan.device), dtype)


def _length(part: Part) -> loop.Span:
    clock = part.clock
    return loop.Span(intervals=clock.intervals, warmup=clock.warmup, window=clock.window, seed=part.scenario.seed)


def _counting(advance: Advance, drops: int, label: str) -> Callable[[int], None]:
    return lambda intervals: advance(intervals * drops, label)


def _named(whole: xr.Dataset, plan: Plan, part: Part, entrant: Contender, timing: Mapping[str, float]) -> xr.Dataset:
    """The windows of one allocator, labelled with what they are of and what they took."""
    wall = {f"wall_{name}_s": round(seconds, 6) for name, seconds in timing.items()}
    names = {
        "family": plan.scenario.family,
        "scenario": plan.scenario.name,
        "variant": part.variant or "",
        "allocator": entrant.label,
        "scenario_hash": scenario_hash(plan.scenario),
    }
    return whole.assign_attrs({**names, **wall})
