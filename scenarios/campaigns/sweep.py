"""Runs a sweep: checks all points, then runs those that are missing, each into a run folder of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.loading import Source
from ..errors import ScenarioError, is_user_error, message_of
from ..results.provenance import foreign
from ..results.read_files import watching_files
from ..results.run_folder import probe
from ..results.store import Store, open_store, urls_in_errors
from ..running.entrants import Given, as_settings, contents_kept, entrants_of
from ..running.executors.opening import executor_options, open_remote, site_of
from ..running.executors.options import ExecutorOptions
from ..running.executors.site import Site
from ..running.interrupts import interrupts
from ..running.options import MOST_DROPS, RunOptions
from ..running.plan_provenance import provenances
from ..running.progress import progress_bar, status
from ..running.run import checked_plan, execute
from ..running.until import Until, run_until, until_of
from .claimed_points import POLL_S, CheckedPoint, PointClaims
from .definition import Definition, checked_scenarios, define, raise_problems
from .load_sweep import Sweep, load_sweep
from .point_pool import PointPool
from .shared_network import SharedNetwork, shared_networks
from .sweep_folder import StoredPoint, choose, open_folder, record_of, stored
from .sweep_result import write_tables

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase
    from ..running.plan import Plan
    from ..running.progress import Advance


@dataclass(frozen=True)
class PlannedPoint:
    """Describes a point that was checked and planned."""

    stored: StoredPoint
    scenario: ScenarioBase
    plan: Plan

    @property
    def drop_intervals(self) -> int:
        """Counts what a whole run of the point simulates."""
        each = sum(part.clock.intervals for part in self.plan.parts)
        return each * self.scenario.drops * len(self.scenario.allocators)


@dataclass(frozen=True)
class PlannedSweep:
    """Holds everything that is settled before a sweep starts."""

    folder: Path
    definition: Definition
    points: Sequence[PlannedPoint]
    networks: Sequence[SharedNetwork]
    until: Until | None = None
    store: Store | None = None  # that the folder is a copy of

    @property
    def place(self) -> str:
        """Names where the sweep is: its folder, or its URL."""
        return str(self.folder) if self.store is None else self.store.url

    @property
    def missing(self) -> list[PlannedPoint]:
        """Lists the points whose run is not complete, or was not asked for the precision of this sweep."""
        return [point for point in self.points if not self.is_done(point)]

    def is_done(self, point: CheckedPoint) -> bool:
        """Checks whether the run of a point is complete, and has been asked for the precision of this sweep."""
        precise = self.until is None or self.until.is_in(point.stored.meta, point.scenario)
        return point.stored.is_done and precise

    def _first_drops(self, point: PlannedPoint) -> int:
        """Counts the drops of a point; with ``--until`` those that it begins with."""
        return point.scenario.drops if self.until is None else self.until.pilot(point.scenario)

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as plain values; time and memory are those of the points that are missing."""
        missing, space = self.missing, self.definition.space
        drops = {self._first_drops(point) for point in self.points}
        seconds = sum(point.plan.seconds * self._first_drops(point) / point.scenario.drops for point in missing)
        return {
            "scenario": self.definition.base.name,
            "folder": self.place,
            "how": space.how,
            "values": {key: list(values) for key, values in space.values.items()},
            "points": len(self.points),
            "done": len(self.points) - len(missing),
            "drops": max(drops) if len(drops) == 1 else sorted(drops),
            **(
                {"until": [goal.text for goal in self.until.goals], "max_drops": self.until.max_drops}
                if self.until
                else {}
            ),
            "allocators": [spec.label for spec in self.definition.base.allocators],
            "memory_bytes": max((point.plan.bytes for point in missing), default=0),
            "seconds": round(seconds, 1),
            "networks": {one.key: {"same": one.same, "sentence": one.sentence()} for one in self.networks},
        }


RunPoint = Callable[[PlannedPoint, Sequence[object | None], RunOptions], object]
"""Runs one point into its folder; whatever else computes points takes the place of :func:`run_point`."""


def run_point(point: PlannedPoint, things: Sequence[object | None], options: RunOptions) -> object:
    """Runs what is missing of a point, as any run with ``--resume``."""
    return execute(point.scenario, entrants_of(point.scenario, things), options)


def run_point_until(until: Until, run_one: RunPoint = run_point) -> RunPoint:
    """Makes what runs a point in stages, until the intervals that are asked for are reached.

    Args:
        until: when to stop.
        run_one: what runs a stage.
    """

    def run(point: PlannedPoint, things: Sequence[object | None], options: RunOptions) -> object:
        def stage(scenario: ScenarioBase, staged: RunOptions) -> object:
            return run_one(replace(point, scenario=scenario), things, staged)

        advance = options.advance or (lambda count, what: None)
        # How many drops there will be is not known, so a point counts when it is done.
        return run_until(point.scenario, until, replace(options, advance=lambda count, what: advance(0, what)), stage)

    return run


def sweep(
    scenario: Source,
    /,
    vary: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | None = None,
    *,
    how: str = "grid",
    allocators: Sequence[Given] | Mapping[str, Given] | Given | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    workers: int | None = None,
    executor: str | ExecutorOptions = "local",
    until: str | Sequence[str] = (),
    max_drops: int = MOST_DROPS,
    **overrides: Any,
) -> Sweep:
    """Runs a scenario at many points: ``sweep("mine.yaml", {"users.embb.count": [1, 3, 5]})``.

    Args:
        scenario: as for :func:`scenarios.run`; a file may say what varies by ``grid``, ``zip`` or ``list``.
        vary: dotted keys with their values; for ``how="list"`` a list of points, each a mapping.
        how: the values combine: ``grid`` every combination, ``zip`` the first values, the second ones, ..., ``list``.
        allocators: as for :func:`scenarios.run`, the same at all points.
        out: the folder, a path or a URL that fsspec knows; left out, a new one below ``sweeps/``.
        resume: go on with a sweep of this scenario: points that are done are kept, whatever else varies now.
        progress: show a bar over all points.
        workers: processes that share the batches of all points.
        executor: as for :func:`scenarios.run`.
        until: as for :func:`scenarios.run`, of each point.
        max_drops: as for :func:`scenarios.run`.
        overrides: settings of all points.

    Raises:
        ScenarioError: a point, key, allocator or the folder cannot be used; nothing has been written. A point that
            fails while it runs is told by :attr:`.Sweep.failed` and a warning.
    """
    things: list[object | None] = []
    if allocators is not None:
        overrides["allocators"], things = as_settings(allocators)
    definition = define(scenario, vary, how, **overrides)
    with open_remote(executor_options(executor), workers) as remote:
        site = site_of(remote, workers)
        planned = plan_sweep(definition, out, resume, site, things)
        if until:
            planned = with_until(planned, until_of(until, max_drops, definition.base))
        done = execute_sweep(planned, RunOptions(progress=progress, workers=site.workers, remote=remote), things)
    for label, message in done.failed.items():
        warnings.warn(f"{label} failed: {message}", stacklevel=2)
    return done


def plan_sweep(
    definition: Definition,
    out: str | Path | None = None,
    resume: bool = False,
    on: int | Site = 1,
    things: Sequence[object | None] = (),
) -> PlannedSweep:
    """Checks every point, plans its run and finds its folder; nothing is written.

    Args:
        definition: what varies.
        out: as for :func:`sweep`.
        resume: as for :func:`sweep`.
        on: workers that share the batches of all points; a number is one of processes of this machine.
        things: objects that stand for allocators, as of :func:`scenarios.running.entrants.as_settings`.

    Raises:
        ScenarioError: points that cannot run, or whose run in the folder was made by other code.
    """
    points = list(definition.space.points())
    with status() as say:
        say(f"checking {len(points)} points")
        scenarios = checked_scenarios(definition, points)
        store = open_store(out)
        with urls_in_errors(store):
            folder = choose(definition, out if store is None else store.folder, resume)
        runs = 1 if on == 1 or on == Site() else len(points)
        planned, problems = [], list[str]()
        for one, scenario in zip(stored(folder, points, scenarios), scenarios, strict=True):
            try:
                planned.append(PlannedPoint(one, scenario, _checked(one, scenario, (on, runs), things)))
            except (ScenarioError, ValueError) as error:
                problems.append(f"{one.point.origin}: {error}")
        raise_problems(problems, len(points))
        networks = shared_networks(points, scenarios)
    return PlannedSweep(folder, definition, planned, networks, store=store)


def with_until(planned: PlannedSweep, until: Until) -> PlannedSweep:
    """Returns a sweep of which every point must have a precision.

    Raises:
        ScenarioError: the drops themselves vary.
    """
    if "drops" in planned.definition.space.keys:
        raise ScenarioError("--until chooses the drops of each point, so 'drops' cannot vary")
    return replace(planned, until=until)


def execute_sweep(
    planned: PlannedSweep,
    options: RunOptions,
    things: Sequence[object | None] = (),
    run_one: RunPoint = run_point,
) -> Sweep:
    """Runs the points that are missing, and writes the tables of all that are there.

    Args:
        planned: the sweep.
        options: how runs are carried out; their folders are the sweep's.
        things: as for :func:`plan_sweep`.
        run_one: what runs a point.

    Raises:
        ScenarioError: the folder cannot be written any more.
        KeyboardInterrupt: with a sentence on what is kept.
    """
    record = record_of(planned.definition, [point.stored for point in planned.points])
    record["networks"] = planned.to_json()["networks"]
    record["command"] = options.command
    missing, failed = planned.missing, dict[str, str]()
    run_one = run_one if planned.until is None else run_point_until(planned.until, run_one)
    _write_record(planned, record)
    total = sum(point.drop_intervals for point in missing)
    bar = nullcontext(options.advance) if options.advance else progress_bar(total, options.progress)
    claims = PointClaims(planned.folder, planned.store, planned.is_done)
    with bar as advance, interrupts() as ctrl_c, claims.held(), _kept_in(planned.place):
        options = replace(options, advance=advance, store=planned.store)
        if run_one is run_point and (options.remote is not None or (options.workers or 1) > 1):
            pool = PointPool(planned.folder, things, options, len(missing))
            workers = min(options.workers or 1, sum(part.batches for point in missing for part in point.plan.parts))
            pool.run(claims.claimed(missing, pool.count_done), workers, ctrl_c)
            failed |= pool.failed
        else:
            failed |= _one_by_one(planned, claims, things, options, run_one)
    _write_record(planned, {**record, "failed": failed})
    done = load_sweep(planned.folder)
    done.place = planned.place
    write_tables(done)
    if planned.store is not None:
        planned.store.push_files(planned.folder)
    if done.complete:
        claims.clear()
    return done


def _write_record(planned: PlannedSweep, record: dict[str, Any]) -> None:
    open_folder(planned.folder, record)
    if planned.store is not None:
        planned.store.push_files(planned.folder)


@contextmanager
def _kept_in(place: str) -> Iterator[None]:
    """Adds to Ctrl-C where what is done is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what is done is kept in {place}, and --resume goes on from it") from None


def _one_by_one(
    planned: PlannedSweep,
    claims: PointClaims,
    things: Sequence[object | None],
    options: RunOptions,
    run_one: RunPoint,
) -> dict[str, str]:
    """Runs the points that no other coordinator has, one after the other; says which failed, and why."""
    assert options.advance is not None
    advance, failed, total = options.advance, dict[str, str](), len(planned.missing)
    place = 0
    for point in claims.claimed(planned.missing, lambda point: advance(point.drop_intervals, "")):
        if point is None:
            time.sleep(POLL_S)
            continue
        place += 1
        told = _Counted(advance, f"point {place} of {total}: ")
        if error := _failure(planned.folder, point, things, _of_point(point, options, told), run_one):
            failed[point.stored.point.label] = error
        told.finish(point.drop_intervals)
    return failed


class _Counted:
    """Passes on the progress of a point, and what of it was done before when it ends."""

    def __init__(self, advance: Advance, prefix: str) -> None:
        self.advance, self.prefix, self.count = advance, prefix, 0

    def __call__(self, count: int, what: str) -> None:
        """Counts what a run tells."""
        self.count += count
        self.advance(count, self.prefix + what)

    def finish(self, total: int) -> None:
        """Counts the rest."""
        self.advance(total - self.count, self.prefix)


def _of_point(point: PlannedPoint, options: RunOptions, advance: Advance) -> RunOptions:
    return replace(options, out=point.stored.folder, resume=True, progress=False, plots=False, claimed=True,
                   advance=advance)  # fmt: skip


def _failure(
    folder: Path, point: PlannedPoint, things: Sequence[object | None], options: RunOptions, run_one: RunPoint
) -> str:
    """Runs a point; says why it failed, if it did. What would fail every other point, too, stops the sweep."""
    try:
        run_one(point, things, options)
    except Exception as error:  # a plug-in may raise anything at all, and the other points are not to be lost
        probe(folder)
        return message_of(error) if is_user_error(error) else f"{type(error).__name__}: {error}"
    return ""


def _checked(
    one: StoredPoint, scenario: ScenarioBase, on: tuple[int | Site, int], things: Sequence[object | None]
) -> Plan:
    """Plans the run of a point, and refuses a folder in which other code has run it."""
    entrants = entrants_of(scenario, things)
    with contents_kept(entrants), watching_files(anew=True):
        plan = checked_plan(scenario, entrants, *on)
        if one.folder.exists() and (mixed := foreign(one.folder, provenances(plan, entrants))):
            raise ScenarioError(mixed)
    return plan
