"""Defines the commands that hand something to other programs: ``export``, ``experience``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ScenarioError
from .options import (
    Allocators,
    Drops,
    Force,
    Json,
    RunFolder,
    Scenario,
    Seed,
    Sets,
    load_scenario,
    names_in,
    print_json,
)
from .stdio import stdout_to_stderr


def export(
    run_dir: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A folder that is new or empty; left out, tables in the run folder, of a URL in the current one."
        ),
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help="parquet, csv or npz; left out, parquet.")] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="The same as --format parquet.")] = False,
    as_json: Json = False,
) -> None:
    """Write the tables of a run for other programs: metrics of each drop, windows, users; units in `columns`."""
    from ..exports.table_files import export_run
    from ..results.result import Result
    from ..results.store import url_of
    from ..running.write_outputs import unfinished
    from .console import warn

    if parquet and format_ not in (None, "parquet"):
        raise ScenarioError(f"--parquet and --format {format_} are two formats; give one of them")
    result = Result(run_dir)
    paths = export_run(result, out or (Path() if url_of(run_dir) else run_dir) / "tables", format_ or "parquet")
    if missing := unfinished(result):
        warn(f"{run_dir} is unfinished; missing or damaged: {'; '.join(missing)}")
    print_json({"tables": [str(path) for path in paths]}) if as_json else typer.echo("\n".join(map(str, paths)))


def experience(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="A file: .npz, .parquet or .csv.")],
    allocators: Allocators = None,
    drops: Drops = None,
    seed: Seed = None,
    set_: Sets = None,
    features: Annotated[str | None, typer.Option(help="Comma-separated names; see: list features.")] = None,
    actions: Annotated[str | None, typer.Option(help="A name; see: list actions.")] = None,
    reward: Annotated[str | None, typer.Option(help="A name; see: list rewards.")] = None,
    by_agent: Annotated[bool, typer.Option("--by-agent", help="A row for each agent, not one for all.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Record what allocators observe and do on drops that no run has, for offline learners.

    A row has observation, action, reward, next observation and whether the episode ended, as in an environment.
    """
    from ..exports.collect import collect
    from ..exports.experience_file import require_place, save_experience

    settled = load_scenario(scenario, set_, {"seed": seed, "drops": drops, "allocators": names_in(allocators)})
    require_place(out, force)
    with stdout_to_stderr(as_json):
        found = collect(settled, features=names_in(features), actions=actions, reward=reward)
        path = save_experience(found, out, by_agent, force)
    rows = [_summary(str(label), table) for label, table in found.returns.groupby("allocator", sort=False)]
    if as_json:
        print_json({"file": str(path), "facts": found.facts.as_plain(), "allocators": rows})
        return
    from .console import show_rows

    unit = f" [{found.facts.reward_unit}]" if found.facts.reward_unit not in ("", "1") else ""
    show_rows(f"experience on {settled.name}: reward {found.facts.reward}{unit}, actions {found.facts.actions}", rows)
    typer.echo(str(path))


def _summary(label: str, episodes: Any) -> dict[str, Any]:
    steps = int(episodes["steps"].sum())
    exact = float((episodes["exact"] * episodes["steps"]).sum() / max(steps, 1))
    return {
        "allocator": label,
        "episodes": len(episodes),
        "steps": steps,
        "mean return": round(float(episodes["return"].mean()), 4),
        "exact actions": round(exact, 4),
    }
