"""Defines the commands on many points, and on what a paper shows: ``sweep``, ``figure``, ``table``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ScenarioError
from .options import (
    Allocators,
    DaskAddress,
    Device,
    Drops,
    Executor,
    Force,
    Json,
    MaxDrops,
    NumGpus,
    PerBatch,
    RayAddress,
    Seed,
    Sets,
    Slurm,
    Until,
    Workers,
    executor_of,
    names_in,
    print_json,
    until_in,
)
from .stdio import kept_in, stdout_to_stderr

if TYPE_CHECKING:
    from ..campaigns.load_sweep import Sweep
    from ..campaigns.sweep import PlannedSweep
    from ..running.options import RunOptions

_FAILED = 1  # exit status where points failed and the others are kept, or are not as precise as --until asks for

Folder = Annotated[Path, typer.Argument(help="The folder of a sweep, or its URL.")]
Metrics = Annotated[str | None, typer.Option(help="Comma-separated metrics; left out, the first of the headline.")]
Variant = Annotated[str | None, typer.Option(help="A variant; left out, the mean over variants.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME=TEXT", help="Write TEXT for a key, metric or allocator. Repeatable."),
]


def sweep(
    scenario: Annotated[
        str, typer.Argument(help="A preset's name, a scenario file, or a file with grid, zip, list or tune.")
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=V,V,...", help="Vary a setting: `users.embb.count=5,10,20`. Repeatable."),
    ] = None,
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
    out: Annotated[Path | None, typer.Option(help="The folder, or a URL; left out, a new one below sweeps/.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep of this scenario; only points that are new run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which points would run, with memory and time; write nothing.")
    ] = False,
    until: Until = None,
    max_drops: MaxDrops = None,
    as_json: Json = False,
) -> None:
    """Run a scenario at many points: every combination of the values of some settings."""
    from ..campaigns.definition import define, varied
    from ..campaigns.sweep import execute_sweep, plan_sweep, with_until
    from ..campaigns.tuning_space import asks_for_tuning
    from ..running.executors.opening import open_remote, site_of
    from ..running.options import RunOptions

    options = {"seed": seed, "drops": drops, "drops_per_batch": drops_per_batch, "device": device,
               "allocators": names_in(allocators)}  # fmt: skip
    given = {key: value for key, value in options.items() if value is not None}
    where = executor_of(executor, ray_address, dask_address, num_gpus, slurm)
    command = shlex.join(["fairwave", *sys.argv[1:]])
    if asks_for_tuning(scenario):
        refused = {"--vary": vary, "--until": until, "--dry-run": dry_run, "--executor": executor != "local"}
        _tune(scenario, set_ or [], given, RunOptions(out, resume, command=command, workers=workers), refused, as_json)
        return
    with stdout_to_stderr(as_json):
        definition = define(scenario, varied(vary or []), "grid", set_ or [], **given)
        goal = until_in(until, max_drops, definition.base)
        with open_remote(where, workers) as remote:
            site = site_of(remote, workers)
            planned = plan_sweep(definition, out, resume, site)
            planned = planned if goal is None else with_until(planned, goal)
            before = len(planned.points) - len(planned.missing)
            if not dry_run:
                done = execute_sweep(planned, RunOptions(command=command, workers=site.workers, remote=remote))
    if dry_run:
        _show_plan(planned, as_json)
        return
    with kept_in(planned.place):
        _show_sweep(done, planned, before, as_json)
    if not done.complete or done.not_reached:
        raise typer.Exit(_FAILED)


def _tune(
    scenario: str,
    settings: list[str],
    given: dict[str, Any],
    options: RunOptions,
    refused: dict[str, Any],
    as_json: bool,
) -> None:
    """Tunes what the section ``tune`` of a file says."""
    from ..campaigns.sweep_folder import choose
    from ..campaigns.tuning import BEST, TRIALS, execute_tuning, tuning_sentences
    from ..campaigns.tuning_space import define_tuning

    if wrong := [name for name, value in refused.items() if value]:
        raise ScenarioError(f"{scenario} has a section 'tune', with which {wrong[0]} does not go")
    with stdout_to_stderr(as_json):
        tuning = define_tuning(scenario, settings, **given)
        folder = choose(tuning.definition, options.out, options.resume)
        found = execute_tuning(tuning, folder, options)
    sentences = tuning_sentences(found, tuning.settings.metric)
    with kept_in(str(folder)):
        if as_json:
            rows = found.validation[found.validation["metric"] == tuning.settings.metric]
            trials, validation = (json.loads(table.to_json(orient="records")) for table in (found.trials, rows))
            print_json({"sweep": str(folder), "best": found.best, "trials": trials, "validation": validation})
            return
        for sentence in sentences:
            typer.echo(sentence)
        typer.echo(f"\nResults: {folder} ({TRIALS}, {BEST}, validation.csv, points/)")


def figure(
    folder: Folder,
    x: Annotated[
        str | None, typer.Option(help="The key of the horizontal axis; left out, the first that varies.")
    ] = None,
    y: Annotated[str | None, typer.Option(help="The metric; left out, the first of the headline.")] = None,
    by: Annotated[str, typer.Option(help="What curves differ in: allocator, or a key.")] = "allocator",
    columns: Annotated[str | None, typer.Option(help="The key that panels side by side differ in.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Fix a key that is on no axis. Repeatable.")
    ] = None,
    variant: Variant = None,
    kind: Annotated[str, typer.Option(help="line, or bar.")] = "line",
    interval: Annotated[str, typer.Option(help="Intervals of lines: bar or band.")] = "bar",
    width: Annotated[
        str | None, typer.Option(help="one or two columns of a paper (3.5 or 7.16 inch), or inches; two for panels.")
    ] = None,
    label: Labels = None,
    out: Annotated[
        Path | None, typer.Option(help="PDF, SVG, PNG or PGF; left out, a PDF in the sweep's folder.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write the table of the metric, too: a .tex, .md or .csv file.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw a metric of a sweep against a key as a figure for a paper, with 95 % intervals."""
    from ..campaigns.figure import draw
    from ..campaigns.figure_file import save_figure
    from ..campaigns.load_sweep import load_sweep
    from ..campaigns.selection import axes_of, select
    from ..campaigns.table import form_of, table_text, write_table
    from ..results.store import local_copy, url_of
    from .console import print_remark, warn_unfinished

    kept, folder = Path() if url_of(folder) else folder, local_copy(folder)
    found = load_sweep(folder)
    form = form_of(table, force) if table is not None else ""
    labels, fixed = _labels(label or []), _at(at or [])
    drawn = draw(found, x, y, by=by, columns=columns, at=fixed, variant=variant, kind=kind,
                 interval=interval, width=width, labels=labels)  # fmt: skip
    means = select(found, axes_of(found, x, y, by, columns, fixed), variant)
    text = table_text(folder, [y] if y else [], form, variant, labels) if table is not None else ""
    paths = {"figure": save_figure(drawn, out or kept / "figures" / f"{drawn.get_label()}.pdf", force)}
    if table is not None:
        paths["table"] = write_table(text, table, force)
    warn_unfinished(found)
    if untold := int((means["mean"].notna() & means["ci95_low"].isna()).sum()):
        print_remark(
            f"{untold} of {len(means)} means have no interval: values are tied, events are rare, or there is one drop"
        )
    told = {what: str(path) for what, path in paths.items()}
    print_json(told) if as_json else typer.echo("\n".join(told.values()))


def table(
    folder: Annotated[Path, typer.Argument(help="A run folder or the folder of a sweep, or its URL.")],
    metrics: Annotated[
        str | None, typer.Option(help="Comma-separated metrics; left out, those of the headline.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="latex, markdown or csv; left out, as the suffix of --out says.")
    ] = None,
    variant: Variant = None,
    label: Labels = None,
    out: Annotated[Path | None, typer.Option(help="A file; left out, the table is printed.")] = None,
    force: Force = False,
) -> None:
    """Make a table for a paper: means with intervals, the best in bold, what is not told apart from it marked."""
    from ..campaigns.load_sweep import load_sweep
    from ..campaigns.sweep_folder import is_sweep
    from ..campaigns.table import form_asked, table_text, write_table
    from ..results.store import local_copy
    from .console import warn_unfinished

    folder, form = local_copy(folder), form_asked(format_, out)
    text = table_text(folder, names_in(metrics) or [], form, variant, _labels(label or []))
    if is_sweep(folder):
        warn_unfinished(load_sweep(folder))
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(str(write_table(text, out, force)))


def _at(texts: list[str]) -> dict[str, Any]:
    from ..config.loading import setting

    found: dict[str, Any] = {}
    for text in texts:
        found |= setting(text, "--at")
    return found


def _labels(texts: list[str]) -> dict[str, str]:
    pairs = {text: text.partition("=") for text in texts}
    for text, (name, _, label) in pairs.items():
        if not name.strip() or not label.strip():
            raise ScenarioError(f"--label {text}: write it as NAME=TEXT, for example --label max_weight='Max weight'")
    return {name.strip(): label.strip() for name, _, label in pairs.values()}


def _show_plan(planned: PlannedSweep, as_json: bool) -> None:
    from .console import print_remark, show_sweep_plan

    data = planned.to_json()
    if planned.until is not None:
        print_remark(f"--until begins with the drops planned here, and adds up to {planned.until.max_drops}")
    if as_json:
        print_json(data)
        return
    show_sweep_plan(data)


def _show_sweep(done: Sweep, planned: PlannedSweep, before: int, as_json: bool) -> None:
    """Prints how many points there are, which failed, and what stays the same along each key."""
    from ..campaigns.sweep_result import unmoved
    from .console import counted, print_error, print_remark, warn

    failed = done.failed
    idle = unmoved(done) if done.done else []
    if as_json:
        print_json({"sweep": planned.place, "points": len(done.stored), "done": len(done.done), "failed": failed,
                    "networks": done.record["networks"], "unmoved": idle, "not_reached": done.not_reached})  # fmt: skip
    else:
        kept = f" ({before} of them before)" if before else ""
        typer.echo(f"{done.name}: {counted(len(done.stored), 'point')}, {len(done.done)} done{kept}")
        for network in planned.networks:
            typer.echo(network.sentence())
        folder = shlex.quote(planned.place)
        typer.echo(f"\nResults: {planned.place} (metrics.csv, points/). Next: fairwave figure {folder}, "
                   f"fairwave table {folder}, fairwave report {folder}")  # fmt: skip
    for key in idle:
        warn(f"'{key}' changed no metric: the results are the same at all of its values")
    for label, sentences in done.not_reached.items():
        warn(f"{label}: {'; '.join(sentences)}")
    for label, message in failed.items():
        print_error(f"{label} failed: {message}")
    if failed:
        print_remark(f"{counted(len(failed), 'point')} failed, the others are kept; --resume runs what failed again")
