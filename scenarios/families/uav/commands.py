"""Defines ``fairwave uav animate``: one drop of a run as a film."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...cli.guard import guarded
from ...cli.options import Force, Json, RunFolder, names_in, print_json


def make_app() -> typer.Typer:
    """Makes the application that ``fairwave`` mounts as ``uav``."""
    app = typer.Typer(name="uav", help="Shows the flights of a finished run.", no_args_is_help=True,
                      rich_markup_mode="markdown")  # fmt: skip

    @app.callback()
    def group() -> None:
        """Show the flights of a finished run."""

    app.command(name="animate")(guarded(animate))
    return app


def animate(
    run_dir: RunFolder,
    allocator: Annotated[str | None, typer.Option(help="Comma-separated allocators; left out, the best two.")] = None,
    drop: Annotated[int, typer.Option(min=0, help="The drop, by its place in the run.")] = 0,
    variant: Annotated[str | None, typer.Option(help="The variant; left out, the first.")] = None,
    out: Annotated[Path | None, typer.Option(help="A GIF or SVG file; left out, animation.gif in the folder.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the flights of one drop as an animated GIF or SVG file."""
    from ...errors import ScenarioError
    from ...files import write_atomically
    from ...results.result import Result
    from ...results.run_folder import require_ours
    from .animation import plot_animation, save_gif
    from .choice import require_choice

    target = run_dir / "animation.gif" if out is None else out
    if target.suffix.lower() not in (".gif", ".svg"):
        raise ScenarioError(f"{target} is neither a GIF nor an SVG file; name one that ends with .gif or .svg")
    result = Result(run_dir)
    names = tuple(names_in(allocator) or ())
    require_choice(result, names, drop, variant)
    require_ours(target, force)
    if target.suffix.lower() == ".gif":
        save_gif(result, target, variant, drop, names)
    else:
        from ...plots.style import picture

        write_atomically(target, picture(plot_animation(result, variant, drop, names), "svg"))
    if as_json:
        print_json({"run_dir": str(run_dir), "animation": str(target)})
    else:
        typer.echo(str(target))
