"""Defines the commands that simulate, or check what would be simulated: ``run``, ``validate``."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    Allocators,
    DaskAddress,
    Device,
    Drops,
    Executor,
    Json,
    MaxDrops,
    NumGpus,
    Out,
    PerBatch,
    RayAddress,
    Scenario,
    Seed,
    Sets,
    Slurm,
    Until,
    Workers,
    executor_of,
    load_scenario,
    names_in,
    print_json,
    until_in,
)
from .stdio import kept_in, stdout_to_stderr

if TYPE_CHECKING:
    from ..running.executors.options import ExecutorOptions
NOT_REACHED = 1
"""Exit status of a run whose results are there, but not as precise as ``--until`` asks for."""


def run(
    scenario: Scenario,
    allocators: Allocators = None,
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    drops_per_batch: PerBatch = None,
    device: Device = None,
    workers: Workers = None,
    executor: Executor = "local",
    ray_address: RayAddress = None,
    dask_address: DaskAddress = None,
    num_gpus: NumGpus = 0.0,
    slurm: Slurm = None,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, with memory and time; write nothing.")
    ] = False,
    until: Until = None,
    max_drops: MaxDrops = None,
    as_json: Json = False,
) -> None:
    """Compare allocators on a scenario; leave a table, plots and a folder of results."""
    options = {"seed": seed, "drops": drops, "drops_per_batch": drops_per_batch, "device": device,
               "allocators": names_in(allocators)}  # fmt: skip
    settled = load_scenario(scenario, set_, options)
    goal = until_in(until, max_drops, settled)
    where = executor_of(executor, ray_address, dask_address, num_gpus, slurm)
    if dry_run:
        _dry_run(settled, goal, where, workers, as_json)
        return
    from ..running.entrants import entrants_of
    from ..running.options import RunOptions
    from ..running.run import execute, execute_until

    command = shlex.join(["fairwave", *sys.argv[1:]])
    with stdout_to_stderr(as_json):
        options_of_run = RunOptions(out, resume, command=command, workers=workers, executor=where)
        if goal is None:
            result = execute(settled, entrants_of(settled), options_of_run)
        else:
            result = execute_until(settled, goal, options_of_run)
    from .comparison import show_result  # here, so that the first slot does not wait for it

    with kept_in(result.place):
        print_json(result.to_json()) if as_json else show_result(result)
    if goal is not None and not all(one["met"] for one in result.meta["until"]["goals"]):
        raise typer.Exit(NOT_REACHED)


def validate(scenario: Scenario, set_: Sets = None, as_json: Json = False) -> None:
    """Check a scenario file, its variants, allocators and traces, without running it."""
    settled = load_scenario(scenario, set_, {})
    from .. import families
    from ..config.loading import followed, scenario_hash, variants
    from ..running import entrants

    family = families.find(settled.family)
    with stdout_to_stderr(as_json):
        entrants.check(entrants.entrants_of(settled), family)
        for each in variants(settled).values():
            family.check(each)
    report: dict[str, Any] = {
        "valid": True,
        "scenario": settled.name,
        "family": settled.family,
        "hash": scenario_hash(settled),
        "variants": list(settled.variants),
        "allocators": [spec.label for spec in settled.allocators],
        "notes": settled.notes(),
        "followed": followed(scenario, set_ or []),
    }
    if as_json:
        print_json(report)
        return
    for note in report["notes"]:
        typer.echo(f"note: {note}")
    if left_out := _left_out(report["followed"]):
        typer.echo(f"note: left out, so taken from the tables of propagation.model: {left_out}")
    labels = ", ".join(spec.label for spec in settled.allocators)
    typer.echo(f"{scenario} is valid: {_variants(len(settled.variants))}; allocators {labels}")


def _dry_run(settled: Any, goal: Any, where: ExecutorOptions, workers: int | None, as_json: bool) -> None:
    from ..running.entrants import entrants_of
    from ..running.executors.opening import open_remote, site_of
    from ..running.run import checked_plan
    from ..running.until import with_drops
    from .console import print_remark, show_plan

    if goal is not None:
        print_remark(f"--until begins with the drops planned here, and adds up to {goal.max_drops}")
        settled = with_drops(settled, goal.pilot(settled))
    with stdout_to_stderr(as_json), open_remote(where, workers) as remote:
        plan = checked_plan(settled, entrants_of(settled), site_of(remote, workers))
    print_json(plan.to_json()) if as_json else show_plan(plan)


def _left_out(followed: dict[str, Any]) -> str:
    """Make a list of what follows, without the antenna, whose settings are many."""
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in followed.items()
        if not key.startswith("antenna.")
    )


def _variants(number: int) -> str:
    from .console import counted

    return counted(number, "variant") if number else "no variants"
