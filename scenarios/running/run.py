"""Runs a scenario: every allocator on the same channel and the same traffic, into a folder of whole shards."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mac.core.allocator_guard import default_settings

from .. import families
from ..config.loading import Source, drop_hash, load, scenario_hash
from ..errors import ScenarioError
from ..results.provenance import Provenance
from ..results.read_files import watching_files
from ..results.result import Result
from ..results.run_folder import choose, open_folder
from ..results.shards import RunKey, batches, whole_shards, write_shard
from .batch import Batch, Piece, run_batch, threads
from .entrants import Entrant, Given, as_settings, check, contents_kept, entrants_of
from .interrupts import Interrupts, interrupts
from .options import RunOptions
from .plan import Plan, VariantPlan, make_plan
from .plan_provenance import provenances
from .progress import Advance, progress_bar
from .until import MOST_DROPS, Until, run_until, until_of
from .worker_dispatch import run_in_workers
from .write_outputs import finish

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase


def run(
    scenario: Source,
    /,
    allocators: Sequence[Given] | Mapping[str, Given] | Given | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    plots: bool = True,
    workers: int = 1,
    until: str | Sequence[str] = (),
    max_drops: int = MOST_DROPS,
    **overrides: Any,
) -> Result:
    """Compares allocators on a scenario.

    Args:
        scenario: name of a preset, path of a YAML file, a mapping, or what :func:`scenarios.load` returned.
        allocators: names, ``{name, params}``, objects or classes with ``reset`` and ``decide``; a single one, or a
            mapping from labels to these; left out, the scenario's own.
        out: the run folder; left out, a new one below ``runs/``.
        resume: go on in a folder that holds part of this very run.
        progress: show a bar, in a notebook or a terminal.
        plots: draw the plots into the run folder.
        workers: processes that batches of drops are shared out among; 1: none but this one. No result depends on it,
            with one exception: of an allocator given as an object each batch gets a fresh copy, whereas in one process
            the object itself decides on all batches. One whose ``reset`` leaves something standing may tell the two.
        until: intervals that are asked for, such as ``"satisfaction +-0.01"`` or ``"a - b: satisfaction +-0.01"``:
            drops are added until all are reached (:mod:`mac.metrics.precision`); ``result.meta["until"]`` says what is.
        max_drops: the ceiling of ``until``.
        overrides: settings that replace the scenario's: ``run("mine.yaml", drops=2, seed=1)``.

    Raises:
        ScenarioError: a setting, an allocator's name or the folder cannot be used; nothing has been written.
        mac.core.contracts.AllocatorError: an allocator raised or decided what is not allowed.
    """
    things: list[object | None] = []
    if allocators is not None:
        overrides["allocators"], things = as_settings(allocators)
    settled = load(scenario, **overrides)
    options = RunOptions(out, resume, progress, plots, workers)
    if until:
        return execute_until(settled, until_of(until, max_drops, settled), options, things)
    return execute(settled, entrants_of(settled, things), options)


def execute_until(
    scenario: ScenarioBase, until: Until, options: RunOptions, things: Sequence[object | None] = ()
) -> Result:
    """Runs drops in stages until the intervals that are asked for are reached (:func:`.until.run_until`).

    Raises:
        ScenarioError: as of :func:`run`; or an allocator is an object with which no run can go on.
    """
    entrants = entrants_of(scenario, things)
    if any(thing is not None for thing in things):
        with contents_kept(entrants):
            made = provenances(checked_plan(scenario, entrants, options.workers), entrants)
        if unknown := next((each.unknown for each in made.values() if each.unknown), ""):
            raise ScenarioError(
                f"--until goes on with a run, which cannot be: {unknown}; give the allocator by its name"
            )

    def stage(staged: ScenarioBase, options: RunOptions) -> Result:
        return execute(staged, entrants_of(staged, things), options)

    return run_until(scenario, until, options, stage)


def execute(scenario: ScenarioBase, entrants: Sequence[Entrant], options: RunOptions) -> Result:
    """Checks everything, then runs what is missing, then writes the tables and plots."""
    began = time.perf_counter()
    with _saying_what_is_kept() as folders, interrupts() as ctrl_c, contents_kept(entrants), default_settings():
        with watching_files(anew=True):
            plan = checked_plan(scenario, entrants, options.workers)
        made = provenances(plan, entrants)
        folder = choose(scenario, options.out, options.resume, made)
        folders.append(folder)
        todo = [batch for part in plan.parts for batch in _todo(folder, plan, part, entrants)]
        with threads(plan.device):
            _simulate(folder, plan, todo, made, ctrl_c, options)
            return finish(Result(folder), plan, options, time.perf_counter() - began)


def checked_plan(scenario: ScenarioBase, entrants: Sequence[Entrant], workers: int = 1) -> Plan:
    """Checks allocators, and what each variant names outside of itself, and plans the run; nothing is written.

    Raises:
        ScenarioError: an allocator, a file, the device, the memory or the workers cannot be used.
    """
    family = families.find(scenario.family)
    check(entrants, family)
    plan = make_plan(scenario, workers)
    for part in plan.parts:
        family.check(part.scenario)
    return plan


@contextmanager
def _saying_what_is_kept() -> Iterator[list[Path]]:
    """Adds a sentence on the whole shards in the run folder to Ctrl-C, if the folder is chosen and there are any."""
    folders: list[Path] = []
    try:
        yield folders
    except KeyboardInterrupt as stop:
        kept = [folder for folder in folders if any(folder.glob("shards/*/*/drops-*.nc"))]
        if stop.args or not kept:
            raise
        raise KeyboardInterrupt(f"whole shards are kept in {kept[0]}, and --resume goes on from them") from None


def _simulate(
    folder: Path,
    plan: Plan,
    todo: Sequence[Batch],
    made: Mapping[RunKey, Provenance],
    ctrl_c: Interrupts,
    options: RunOptions,
) -> None:
    """Runs what is missing, and writes each shard as soon as it is there."""
    ctrl_c.check()
    total = sum(batch.drop_intervals for batch in todo)
    bar = nullcontext(options.advance) if options.advance else progress_bar(total, options.progress)
    with bar as advance, _results(plan, todo, _stopping(advance, ctrl_c)) as pieces:
        first = list(itertools.islice(pieces, 1))
        open_folder(folder, plan.scenario)  # not before: a run that fails at once leaves nothing behind
        for run_key, windows in itertools.chain(first, pieces):
            with ctrl_c.shield():
                write_shard(folder, run_key, windows.assign_attrs(made[run_key].attributes()))
    ctrl_c.check()


@contextmanager
def _results(plan: Plan, todo: Sequence[Batch], advance: Advance) -> Iterator[Iterator[Piece]]:
    """Runs the batches: one after the other here, or several at the same time in workers."""
    if min(plan.workers, len(todo)) > 1:
        with run_in_workers(plan, todo, advance) as pieces:
            yield pieces
    else:
        yield (piece for batch in todo for piece in run_batch(plan, batch, advance))


def _stopping(advance: Advance, ctrl_c: Interrupts) -> Advance:
    """Wraps ``advance`` so that it also stops the run where Ctrl-C was pressed and got lost."""

    def checked(count: int, what: str) -> None:
        ctrl_c.check()
        advance(count, what)

    return checked


def _todo(folder: Path, plan: Plan, part: VariantPlan, entrants: Sequence[Entrant]) -> list[Batch]:
    """Finds what is still missing of a variant, in the plan's batches."""
    hashes = (drop_hash(plan.scenario), scenario_hash(plan.scenario))
    missing_by_batch: dict[tuple[int, ...], list[Entrant]] = {}
    for entrant in entrants:
        shards = whole_shards(folder, RunKey(part.variant, entrant.label), hashes)
        missing = set(range(plan.scenario.drops)) - {drop for shard in shards for drop in shard.drops}
        for drops in batches(missing, part.drops_per_batch):
            missing_by_batch.setdefault(drops, []).append(entrant)
    return [
        Batch(part, drops, tuple(missing[first : first + part.entrants]))
        for drops, missing in missing_by_batch.items()
        for first in range(0, len(missing), part.entrants)
    ]
