"""Runs a scenario: every allocator on the same channel and the same traffic, into a folder of whole shards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mac.core.allocator_guard import default_settings

from .. import families
from ..config.loading import Source, load
from ..errors import ScenarioError
from ..results.read_files import watching_files
from .batch import Batch, run_batch, threads
from .entrants import Entrant, Given, as_settings, check, contents_kept, entrants_of
from .executors.dispatch import Job, computed
from .executors.executor import Executor
from .executors.local import local_processes
from .executors.opening import executor_options, open_remote, site_of
from .executors.options import ExecutorOptions
from .executors.site import Site
from .interrupts import Interrupts, interrupts
from .options import MOST_DROPS, RunOptions
from .plan import Plan, make_plan
from .plan_provenance import provenances
from .prepared_run import PreparedRun, prepared
from .progress import Advance, progress_bar
from .worker_pickling import pickled_batches

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase
    from ..results.result import Result
    from .until import Until

_POLL_S = 1.0  # between two looks whether another coordinator has stored what it computes


def run(
    scenario: Source,
    /,
    allocators: Sequence[Given] | Mapping[str, Given] | Given | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    plots: bool = True,
    workers: int | None = None,
    executor: str | ExecutorOptions = "local",
    until: str | Sequence[str] = (),
    max_drops: int = MOST_DROPS,
    **overrides: Any,
) -> Result:
    """Compares allocators on a scenario.

    Args:
        scenario: name of a preset, path of a YAML file, a mapping, or what :func:`scenarios.load` returned.
        allocators: names, ``{name, params}``, objects or classes with ``reset`` and ``decide``; a single one, or a
            mapping from labels to these; left out, the scenario's own.
        out: the run folder, a path or a URL that fsspec knows; left out, a new one below ``runs/``.
        resume: go on in a folder that holds part of this very run.
        progress: show a bar, in a notebook or a terminal.
        plots: draw the plots into the run folder.
        workers: processes that batches of drops are shared out among; 1: none but this one. No result depends on it,
            with one exception: of an allocator given as an object each batch gets a fresh copy, whereas in one process
            the object itself decides on all batches. One whose ``reset`` leaves something standing may tell the two.
            Left out, 1; on other machines all their processors.
        executor: ``local``, ``ray``, ``dask`` or ``slurm``, or where to find it as
            :class:`scenarios.ExecutorOptions`; no result depends on it.
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
    options = RunOptions(out, resume, progress, plots, workers, executor=executor_options(executor))
    if until:
        from .until import until_of

        return execute_until(settled, until_of(until, max_drops, settled), options, things)
    return execute(settled, entrants_of(settled, things), options)


def execute_until(
    scenario: ScenarioBase, until: Until, options: RunOptions, things: Sequence[object | None] = ()
) -> Result:
    """Runs drops in stages until the intervals that are asked for are reached (:func:`.until.run_until`).

    Raises:
        ScenarioError: as of :func:`run`; or an allocator is an object with which no run can go on.
    """
    from .until import run_until

    entrants = entrants_of(scenario, things)
    if any(thing is not None for thing in things):
        with contents_kept(entrants):
            made = provenances(checked_plan(scenario, entrants), entrants)
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
    with (
        _saying_what_is_kept() as runs,
        interrupts() as ctrl_c,
        contents_kept(entrants),
        default_settings(),
        open_remote(options.executor, options.workers, options.remote) as remote,
    ):
        with watching_files(anew=True):
            plan = checked_plan(scenario, entrants, site_of(remote, options.workers))
        with prepared(plan, entrants, options) as run, threads(plan.device if remote is None else "cpu"):
            runs.append(run)
            _simulate(run, remote, ctrl_c, options)
            return complete(run, options, began)


def checked_plan(scenario: ScenarioBase, entrants: Sequence[Entrant], on: int | Site = 1, runs: int = 1) -> Plan:
    """Checks allocators, and what each variant names outside of itself, and plans the run; nothing is written.

    Raises:
        ScenarioError: an allocator, a file, the device, the memory or the workers cannot be used.
    """
    family = families.find(scenario.family)
    check(entrants, family)
    plan = make_plan(scenario, on, runs)
    for part in plan.parts:
        family.check(part.scenario)
    return plan


def complete(run: PreparedRun, options: RunOptions, began: float) -> Result:
    """Writes the tables and plots of a run that has computed its last batch, and ends its claims."""
    from ..results.result import Result  # here, so that the first slot does not wait for pandas and xarray
    from .write_outputs import finish

    result = Result(run.folder)
    result.place, result.drop_metrics = run.place, run.drop_metrics
    try:
        finish(result, run.plan, options, time.perf_counter() - began)
    finally:
        if run.store is not None:
            run.store.push(run.folder)
    if run.claims is not None:
        run.claims.clear()
    return result


@contextmanager
def _saying_what_is_kept() -> Iterator[list[PreparedRun]]:
    """Adds a sentence on the whole shards in the run folder to Ctrl-C, if the folder is chosen and there are any."""
    runs: list[PreparedRun] = []
    try:
        yield runs
    except KeyboardInterrupt as stop:
        kept = [run.place for run in runs if any(run.folder.glob("shards/*/*/drops-*.nc"))]
        if stop.args or not kept:
            raise
        raise KeyboardInterrupt(f"whole shards are kept in {kept[0]}, and --resume goes on from them") from None


def _simulate(run: PreparedRun, remote: Executor | None, ctrl_c: Interrupts, options: RunOptions) -> None:
    """Runs what is missing, and waits for what other coordinators compute of it."""
    todo = run.todo()
    ctrl_c.check()
    total = sum(batch.drop_intervals for batch in todo)
    with nullcontext(options.advance) if options.advance else progress_bar(total, options.progress) as advance:
        while todo:
            _compute(run, todo, remote, ctrl_c, _stopping(advance, ctrl_c))
            if not run.refused:
                break
            advance(0, "waiting for another coordinator")
            time.sleep(_POLL_S)
            todo = run.todo()
    run.open()
    ctrl_c.check()


def _compute(
    run: PreparedRun, todo: Sequence[Batch], remote: Executor | None, ctrl_c: Interrupts, advance: Advance
) -> None:
    """Computes the batches that no other coordinator has, and writes each shard as soon as it is there."""
    workers = min(run.plan.workers, len(todo))
    if remote is None and workers == 1:
        for batch in run.claimed(todo):
            for piece in run_batch(run.plan, batch, advance):
                with ctrl_c.shield():
                    run.write([piece])
        return
    with nullcontext(remote) if remote is not None else local_processes(workers) as executor:
        pickled_batches(run.plan, todo[:1])  # refuses what cannot be sent before anything is claimed
        for _, result in computed(executor, _jobs(run, todo), lambda count: advance(count, f"{workers} workers")):
            with ctrl_c.shield():
                run.write(result.pieces, result.metrics)
            if result.error is not None:
                raise result.error


def _jobs(run: PreparedRun, todo: Sequence[Batch]) -> Iterator[Job[PreparedRun]]:
    for batch in run.claimed(todo):
        yield Job(run, batch, pickled_batches(run.plan, [batch], run.modules)[0])


def _stopping(advance: Advance, ctrl_c: Interrupts) -> Advance:
    """Wraps ``advance`` so that it also stops the run where Ctrl-C was pressed and got lost."""

    def checked(count: int, what: str) -> None:
        ctrl_c.check()
        advance(count, what)

    return checked
