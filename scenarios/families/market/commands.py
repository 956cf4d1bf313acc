"""Defines ``fairwave market``: a market given as a table of weights, without a radio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...cli.guard import guarded
from ...cli.options import Json, print_json

if TYPE_CHECKING:
    from allocators.market import MarketSolution


def make_app() -> typer.Typer:
    """Makes the application that ``fairwave`` mounts as ``market``."""
    app = typer.Typer(name="market", rich_markup_mode="markdown", add_completion=False)
    app.command(no_args_is_help=True)(guarded(market))
    return app


def market(
    weights: Annotated[
        Path,
        typer.Option(
            help="A CSV file without header: a row for each UE, a column for each base station; the worth of a unit."
        ),
    ],
    budgets: Annotated[str, typer.Option(metavar="5,2,1", help="Money of each UE.")],
    supply: Annotated[
        str | None, typer.Option(metavar="1,2,1", help="Units of each base station; left out, 1.")
    ] = None,
    reserve: Annotated[
        str | None,
        typer.Option(metavar=".5,.25", help="Least prices; in trading_post the sellers' own bids. Left out, 0."),
    ] = None,
    utility: Annotated[str, typer.Option(help="linear, log, ces:RHO or quasilinear.")] = "linear",
    mechanism: Annotated[
        str, typer.Option(help="competitive, trading_post, proportional_response, tatonnement or bargaining.")
    ] = "competitive",
    rounds: Annotated[int | None, typer.Option(help="At most; left out, 5000.")] = None,
    as_json: Json = False,
) -> None:
    """Sell bandwidth to UEs with budgets: prices, shares, utilities, and how far they are from an equilibrium."""
    from allocators.market import solve_market
    from allocators.market.solver import ROUNDS

    from ..number_table import numbers, read_numbers

    solution = solve_market(
        read_numbers(weights),
        numbers(budgets, "--budgets"),
        None if supply is None else numbers(supply, "--supply"),
        None if reserve is None else numbers(reserve, "--reserve"),
        utility,
        mechanism,
        rounds=ROUNDS if rounds is None else rounds,
    )
    if as_json:
        print_json(solution.to_json())
        return
    _show(solution, mechanism)


def _show(solution: MarketSolution, mechanism: str) -> None:
    from ...cli.console import show_rows

    found = solution.to_json()
    stations = [f"BS {number}" for number in range(len(found["prices"]))]
    rows: list[dict[str, Any]] = [{"": "price", **dict(zip(stations, map(_short, found["prices"]), strict=True))}]
    for number, (shares, utility) in enumerate(zip(found["shares"], found["utilities"], strict=True)):
        bought = dict(zip(stations, map(_short, shares), strict=True))
        rows.append({"": f"share of UE {number}", **bought, "utility": _short(utility)})
    rows[0]["utility"] = ""
    show_rows(mechanism, rows)
    state = "settled" if found["converged"] else "not converged"
    typer.echo(
        f"{state} after {found['rounds']} rounds; gap to the market equilibrium {found['gap']:.2g}; the best "
        f"deviation gains {found['deviation_gain']:.2g}"
    )
    if "radius" in found:
        typer.echo(f"prices moved by {found['radius']:.2g} of themselves over the second half of the rounds")


def _short(value: float) -> str:
    return f"{value:.6g}"
