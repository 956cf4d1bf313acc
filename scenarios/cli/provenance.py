"""Defines the commands on where a result comes from: ``cite``, ``diff``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import shown
from .options import Json, RunFolder, names_in, print_json
from .stdio import stdout_to_stderr

if TYPE_CHECKING:
    from ..campaigns.run_difference import RunDifference


def cite(run_dir: RunFolder, as_json: Json = False) -> None:
    """Print what a paper cites of a run: versions, seed, hash, and BibTeX of fairwave, allocators and models."""
    from ..results.citation import cite as citation_of
    from ..results.result import Result

    found = citation_of(Result(run_dir))
    print_json(found.to_json()) if as_json else typer.echo(found.text(), nl=False)


def diff(
    first: Annotated[Path, typer.Argument(help="A run folder.")],
    second: Annotated[Path, typer.Argument(help="Another one; differences are second less first.")],
    metrics: Annotated[
        str | None, typer.Option(help="Comma-separated metrics to print; left out, those of the headline.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what two runs differ in: settings, versions, code and metrics, paired where both met the same drops."""
    from ..campaigns.run_difference import run_difference
    from ..errors import ScenarioError, did_you_mean
    from ..results.result import Result

    one, other = Result(first), Result(second)
    with stdout_to_stderr(as_json):
        found = run_difference(one, other)
    known = list(dict.fromkeys(found.metrics["metric"]))
    wanted = names_in(metrics) or [name for name in one.headline if name in known]
    for name in wanted:
        if name not in known:
            raise ScenarioError(f"these runs have no metric '{name}' in common{did_you_mean(name, known)}")
    print_json(found.to_json()) if as_json else _show(found, wanted)


def _show(found: RunDifference, metrics: list[str]) -> None:
    from .console import print_remark, show_rows

    for title, rows in (("settings", found.settings), ("software and machine", found.software)):
        if rows:
            cells = [{"what": what, "first": shown(one), "second": shown(other)} for what, one, other in rows]
            show_rows(title, cells)
        else:
            typer.echo(f"{title}: no difference")
    for text in (*(f"file {name}: other contents" for name in found.files), *found.only):
        typer.echo(text)
    if found.unchanged:
        typer.echo("metrics: the same in both, bit for bit")
    else:
        title = "second less first, paired over the same drops" if found.shared else "means, not paired"
        table = found.metrics[found.metrics["metric"].isin(metrics)]
        lines = [_cells(row, found.shared) for row in table.to_dict("records")]
        show_rows(f"metrics: {title} (95 % intervals; *: none can be told)", lines)
    print_remark(found.network)


def _cells(row: dict[Any, Any], shared: bool) -> dict[str, Any]:
    variant = {"variant": row["variant"]} if isinstance(row["variant"], str) else {}
    cells = {**variant, "allocator": row["allocator"], "metric": row["metric"]}
    for run in ("first", "second"):
        cells[run] = f"{row[f'mean_{run}']:.4g}"
        if not shared:
            cells[run] += _interval(row[f"ci95_low_{run}"], row[f"ci95_high_{run}"])
    if shared:
        corrected = row["p_holm"]
        interval = _interval(row["difference_low"], row["difference_high"], "+")
        cells["difference"] = f"{row['mean_difference']:+.4g}{interval}"
        cells["p, Holm"] = "" if corrected != corrected else f"{corrected:.2g}"
    return cells


def _interval(low: float, high: float, sign: str = "") -> str:
    """Writes an interval; an asterisk where none can be told."""
    return f" [{low:{sign}.4g}, {high:{sign}.4g}]" if math.isfinite(high - low) else "*"
