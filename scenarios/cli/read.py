"""Defines the commands that read a finished run: ``report``, ``bound``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ScenarioError, did_you_mean
from .options import Drops, Force, Json, Seed, Sets, load_scenario, print_json

_REPORT_OPTIONS = ("--out", "--force", "--json")


def report(
    context: typer.Context,
    run_dir: Annotated[Path, typer.Argument(help="A run folder or the folder of a sweep, or its URL.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; left out, report.html in the run folder, of a URL in the current one."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page: table, plots, resolved scenario, versions; of a sweep, curves to filter."""
    from ..campaigns.sweep_folder import is_sweep
    from ..report.report import write_report
    from ..results.result import Result
    from ..results.store import local_copy, url_of
    from ..running.write_outputs import unfinished
    from .console import warn

    if url_of(run_dir):
        out, run_dir = out or Path("report.html"), local_copy(run_dir)
    if is_sweep(run_dir):
        _report_sweep(context.args, run_dir, out, force, as_json)
        return
    result = Result(run_dir)
    _refuse(context.args, result.family.moved_options)
    page = write_report(result, out, force)
    if missing := unfinished(result):
        warn(f"{run_dir} is unfinished; missing or damaged: {'; '.join(missing)}")
    if as_json:
        print_json({"run_dir": str(run_dir), "report": str(page)})
    else:
        typer.echo(str(page))


def bound(
    scenario: Annotated[str, typer.Argument(help="A preset's name, a YAML file, or a run folder.")],
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    as_json: Json = False,
) -> None:
    """Say what no allocator can beat on a scenario, and how near those of a run came."""
    from ..results.bounds import bound as bound_of
    from ..results.bounds import bound_of_run, is_run
    from ..results.result import Result
    from .comparison import show_bound

    if not is_run(scenario):
        found = bound_of(load_scenario(scenario, set_, {"seed": seed, "drops": drops}))
    elif set_ or seed is not None or drops is not None:
        raise ScenarioError(f"{scenario} is a run folder and its scenario settled; leave out --set, --seed and --drops")
    else:
        found = bound_of_run(Result(scenario))
    print_json(found.to_json()) if as_json else show_bound(found)


def _report_sweep(arguments: list[str], folder: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """Writes the page of a sweep."""
    from ..campaigns.load_sweep import load_sweep
    from ..campaigns.page import write_page
    from .console import warn_unfinished

    _refuse(arguments, {})
    sweep = load_sweep(folder)
    page = write_page(sweep, out, force)
    warn_unfinished(sweep)
    print_json({"sweep": str(folder), "report": str(page)}) if as_json else typer.echo(str(page))


def _refuse(arguments: list[str], moved_options: Mapping[str, str]) -> None:
    """Refuses what ``report`` does not know; names the command that took over an option of former versions.

    Raises:
        ScenarioError: there is such an argument.
    """
    for given in arguments:
        option = given.partition("=")[0]
        if option in moved_options:
            raise ScenarioError(f"report has no option {option} any more; take: {moved_options[option]}")
        if option.startswith("-"):
            raise ScenarioError(f"report has no option {option}{did_you_mean(option, _REPORT_OPTIONS)}")
    if arguments:
        raise ScenarioError(f"report takes one run folder, given {arguments[0]} beside it")
