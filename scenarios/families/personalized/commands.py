"""Defines ``fairwave personalized``: zones learned from a run, and the front of one cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...cli.guard import guarded
from ...cli.options import Json, RunFolder, Scenario, Sets, load_scenario, print_json

if TYPE_CHECKING:
    from ...run_result import RunResult


def make_app() -> typer.Typer:
    """Makes the application that ``fairwave`` mounts as ``personalized``."""
    app = typer.Typer(
        name="personalized",
        help="Learn what quality users need; Pareto fronts of resources and satisfaction.",
        rich_markup_mode="markdown",
        no_args_is_help=True,
        add_completion=False,
    )
    app.command(no_args_is_help=True)(guarded(fit))
    app.command(no_args_is_help=True)(guarded(front))
    return app


def fit(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="File to write: plain arrays (.npz), for personalized.predictor.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimiser.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the first weights.")] = 0,
    as_json: Json = False,
) -> None:
    """Learn the zones of tolerance of users from what they reported in a run."""
    from ...errors import ScenarioError
    from ...results.result import Result
    from .past_runs import past_windows
    from .training import held_out_error, train

    if out.exists():
        raise ScenarioError(f"{out} is there already; give another --out")
    result = Result(run)
    past, groups = past_windows(result, run)
    shape, about = result.scenario["personalized"]["shape"], _origin(result)
    try:
        errors = held_out_error(past, shape, len(groups), steps, seed)
        predictor = train(past, shape, groups, steps, seed, {**about, **errors, "steps": steps, "fit_seed": seed})
    except ValueError as error:
        raise ScenarioError(f"{run}: {error}") from None
    predictor.save(out)
    if as_json:
        print_json({"file": str(out), **about, **errors})
        return
    typer.echo(
        f"{out}: learned from {errors['windows']} windows; on a fifth of the UEs that was held out, satisfaction is "
        f"predicted to {errors['rmse']:.3f} (root mean square; {errors['rmse_declared']:.3f} with the declared zones)"
    )


def _origin(result: RunResult) -> dict[str, Any]:
    """Returns what a predictor was trained on."""
    from ...results.provenance import versions

    scenario = result.scenario
    return {
        "scenario": scenario["name"],
        "hash": result.meta.get("hash", ""),
        "seed": scenario["seed"],
        "drops": scenario["drops"],
        "allocators": result.allocators,
        "versions": versions(),
    }


def front(
    scenario: Scenario,
    drop: Annotated[int, typer.Option(min=0, help="Drop whose first interval is taken.")] = 0,
    cell: Annotated[int, typer.Option(min=0, help="Cell of the drop.")] = 0,
    generations: Annotated[int, typer.Option(min=0, help="Generations of NSGA-II; 0: none.")] = 0,
    settings: Sets = None,
    as_json: Json = False,
) -> None:
    """Print the exact Pareto front of PRBs and satisfaction of one cell, and judge NSGA-II by it."""
    from .front_of_cell import front_of_cell

    found = front_of_cell(load_scenario(scenario, settings, {}), drop, cell, generations)
    if as_json:
        print_json(found)
        return
    for prbs, satisfaction in zip(found["prbs"], found["satisfaction"], strict=True):
        typer.echo(f"{prbs:10.2f} PRBs  satisfaction {satisfaction:.4f}")
    if "hypervolume_ratio" in found:
        typer.echo(f"hypervolume of NSGA-II after {generations} generations: {found['hypervolume_ratio']:.4f} of exact")
