"""Defines ``fairwave auction``: an auction given as a table of values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...cli.guard import guarded
from ...cli.options import Json, print_json
from ...errors import ScenarioError


def make_app() -> typer.Typer:
    """Makes the application that ``fairwave`` mounts as ``auction``."""
    app = typer.Typer(name="auction", rich_markup_mode="markdown", add_completion=False)
    app.command(no_args_is_help=True)(guarded(auction))
    return app


def auction(
    values: Annotated[
        Path, typer.Option(help="A CSV file without header: a row for each bidder, a column for each resource.")
    ],
    mechanism: Annotated[str, typer.Option(help="vcg, vcg_nearest, first_price, uniform, greedy or optimal.")] = "vcg",
    units: Annotated[
        int | None,
        typer.Option(help="So many equal resources: columns are the values of a bidder's first, second, ... unit."),
    ] = None,
    bundles: Annotated[
        str | None, typer.Option(metavar="0,1,0+1", help="Columns are bundles of these resources, counted from 0.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Auction resources to bidders that each want one of them: winners, payments, welfare."""
    from allocators.auction import solve_auction

    from ..number_table import read_numbers

    equal = units is not None or mechanism == "uniform"
    table = read_numbers(values, missing=0.0 if equal else None)
    result = solve_auction(table, mechanism, units=units, bundles=None if bundles is None else _sets(bundles))
    if as_json:
        print_json(result.to_json())
        return
    from ...cli.console import show_rows

    rows: list[dict[str, Any]] = [
        {"bidder": number, "units" if equal else "gets": _shown(won), "pays": f"{paid:.6g}"}
        for number, (won, paid) in enumerate(zip(result.winners, result.payments, strict=True))
    ]
    show_rows(mechanism, rows)
    typer.echo(f"welfare {result.welfare:.6g}, revenue {sum(result.payments):.6g}")


def _shown(won: Any) -> str:
    if won is None:
        return "nothing"
    return " + ".join(map(str, won)) if isinstance(won, list) else str(won)


def _sets(text: str) -> list[list[int]]:
    try:
        return [[int(number) for number in entry.split("+")] for entry in text.split(",")]
    except ValueError:
        raise ScenarioError(
            f"--bundles: '{text}' is no list of bundles; give one for each column, such as 0,1,0+1"
        ) from None
