"""Defines the command ``inspect``: the map of a drop, or the life of one UE in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ScenarioError, did_you_mean
from .options import Force, Json, RunFolder, print_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results.result import Result

_KINDS = ("png", "svg", "pdf")


def inspect(
    run_dir: RunFolder,
    drop: Annotated[int, typer.Option(help="Number of the drop.")] = 0,
    user: Annotated[int | None, typer.Option(help="Number of the UE; left out, the map of the drop.")] = None,
    allocator: Annotated[str | None, typer.Option(help="With --user: its label; left out, the first.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant; left out, the first.")] = None,
    from_s: Annotated[float | None, typer.Option("--from", help="With --user: where time begins, in s.")] = None,
    to_s: Annotated[float | None, typer.Option("--to", help="With --user: where time ends, in s.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="PNG, SVG or PDF; left out, a PNG among the plots of the run.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw one UE over time (SINR, rates, queue, PRBs, delay, cell), or the map of a drop: sites, UEs, SINR."""
    from ..files import write_atomically
    from ..plots.style import picture
    from ..results.result import Result
    from ..results.run_folder import require_ours

    if user is None and (given := [name for name, value in (("--allocator", allocator), ("--from", from_s),
                                                            ("--to", to_s)) if value is not None]):  # fmt: skip
        raise ScenarioError(f"{given[0]} goes with --user: the map is that of the start, the same for all allocators")
    name = f"drop-{drop}" if user is None else f"drop-{drop}-user-{user}"
    path = out or run_dir / "plots" / f"{name}.png"
    if (kind := path.suffix.lower().removeprefix(".")) not in _KINDS:
        raise ScenarioError(f"{path}: the suffix tells the format{did_you_mean(kind, _KINDS)}")
    require_ours(path, force)
    result = Result(run_dir)
    if user is None:
        figure = _map(result, drop, variant)
    else:
        from ..plots.user_life import UserChoice, plot_user

        figure = plot_user(result, UserChoice(drop, user, allocator, variant, from_s, to_s))
    write_atomically(path, picture(figure, kind))
    print_json({"plot": str(path)}) if as_json else typer.echo(str(path))


def _map(result: Result, drop: int, variant: str | None) -> Figure:
    from ..plots.user_life import place_of_drop

    dataset = result.to_xarray(result.allocators[0], variant or result.variants[0])
    return result.plot("map", variant, drop=place_of_drop(dataset, drop))
