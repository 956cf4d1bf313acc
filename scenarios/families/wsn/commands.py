"""Defines ``fairwave wsn map`` and ``fairwave wsn graph``: a round of a sensor field as a picture or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...cli.guard import guarded
from ...cli.options import Force, Json, RunFolder, names_in, print_json

if TYPE_CHECKING:
    from .rounds import RoundChoice

Round = Annotated[
    int | None, typer.Option("--round", help="Counted from 1; left out, a window's end near the first deaths.")
]
Allocator = Annotated[str | None, typer.Option(help="Comma-separated allocators; left out, all of them.")]
Drop = Annotated[int | None, typer.Option(help="The drop; left out, the first.")]
Variant = Annotated[str | None, typer.Option(help="The variant; left out, the first.")]


def make_app() -> typer.Typer:
    """Makes the application that ``fairwave`` mounts as ``wsn``."""
    app = typer.Typer(name="wsn", help="Shows a round of a finished run of a sensor field.", no_args_is_help=True,
                      rich_markup_mode="markdown")  # fmt: skip
    app.command(name="map")(guarded(draw_map))
    app.command(name="graph")(guarded(write_graph))
    return app


def draw_map(
    run_dir: RunFolder,
    round_: Round = None,
    allocator: Allocator = None,
    drop: Drop = None,
    variant: Variant = None,
    out: Annotated[Path | None, typer.Option(help="A PNG, SVG or PDF file; left out, map.png in the folder.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw charges, cluster heads and links of a round, a panel for each allocator."""
    from ...results.result import Result
    from ...results.run_folder import require_ours
    from .map import save_map

    target = run_dir / "map.png" if out is None else out
    result = Result(run_dir)
    require_ours(target, force)
    _say(run_dir, "map", save_map(result, _choice(round_, allocator, drop, variant), target), as_json)


def write_graph(
    run_dir: RunFolder,
    round_: Round = None,
    allocator: Annotated[str | None, typer.Option(help="The allocator that made the tree.")] = None,
    drop: Drop = None,
    variant: Variant = None,
    out: Annotated[Path | None, typer.Option(help="A file; left out, round.graphml in the run folder.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the routes of a round, from each node to its parent, as GraphML, for Gephi, yEd, igraph or networkx."""
    from ...results.result import Result
    from ...results.run_folder import require_ours
    from .graph import save_round

    target = run_dir / "round.graphml" if out is None else out
    result = Result(run_dir)
    require_ours(target, force)
    _say(run_dir, "graphml", save_round(result, _choice(round_, allocator, drop, variant), target), as_json)


def _choice(round_: int | None, allocator: str | None, drop: int | None, variant: str | None) -> RoundChoice:
    from .rounds import RoundChoice

    return RoundChoice(round_, tuple(names_in(allocator) or ()), drop, variant)


def _say(run_dir: Path, what: str, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"run_dir": str(run_dir), what: str(path)})
    else:
        typer.echo(str(path))
