"""Defines the command ``fairwave calibrate``, and prints its result as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Drops, Json, Seed, Sets, print_json

if TYPE_CHECKING:
    from ..calibration.measurement import CalibrationResult
    from ..calibration.settings import Reference


def calibrate(
    config: Annotated[str, typer.Argument(help="A preset's name (see: fairwave list calibrations) or a YAML file.")],
    set_: Sets = None,
    drops: Drops = None,
    seed: Seed = None,
    plot: Annotated[Path | None, typer.Option(help="Where to draw it, as PNG; left out, NAME.png here.")] = None,
    as_json: Json = False,
) -> None:
    """Compute coupling gain and downlink geometry of a network, against 3GPP's self-evaluation where that is known."""
    from ..calibration.measurement import calibrate as run_calibration
    from ..calibration.plot import require_place, save_plot
    from ..calibration.settings import load_calibration

    settled = load_calibration(config, set_ or [], {"drops": drops, "seed": seed})
    place = plot or Path(f"{settled.name}{'-changed' if set_ else ''}.png")
    require_place(place)
    result = replace(run_calibration(settled), changed=tuple(set_ or ()))
    if plot is not None or not as_json:
        save_plot(result, place)
    print_json(result.to_json()) if as_json else show_calibration(result, place)


def show_calibration(result: CalibrationResult, plot: Path) -> None:
    """Prints both distributions as a table, beside the reference where there is one."""
    from ..calibration.measurement import PERCENTILES, QUANTITIES
    from .console import print_remark, show_rows

    reference = result.settings.reference
    rows = []
    for percentile in PERCENTILES:
        row: dict[str, Any] = {"percentile": percentile}
        for quantity, short in zip(QUANTITIES, ("coupling", "geometry"), strict=True):
            row[f"{short}\n[dB]"] = f"{result.percentiles(quantity)[percentile]:.2f}"
            if reference is not None:
                row |= _beside(reference, quantity, short, percentile, result.percentiles(quantity)[percentile])
        rows.append(row)
    users = len(result.geometry_db)
    show_rows(f"{result.settings.name}: {users} users in {result.settings.drops} drops", rows)
    _say_chance(result)
    if reference is not None:
        changed = f", of the configuration without --set {' '.join(result.changed)}" if result.changed else ""
        print_remark(f"Reference: {reference.source}{changed}")
    print_remark(f"Plot: {plot}")


def _say_chance(result: CalibrationResult) -> None:
    """Prints how far other drops would move the result."""
    from ..calibration.measurement import QUANTITIES
    from .console import print_remark

    if result.settings.drops > 1:
        parts = []
        for quantity, name in zip(QUANTITIES, ("coupling gain", "geometry"), strict=True):
            errors = " / ".join(f"{error:.2f}" for error in result.standard_errors(quantity, (5, 50, 95)))
            parts.append(f"{name} {errors} dB")
        print_remark(f"Standard errors at 5 / 50 / 95 %: {', '.join(parts)}")


def _beside(reference: Reference, quantity: str, short: str, percentile: int, found: float) -> dict[str, str]:
    mean, spread = reference.mean(quantity), reference.spread(quantity)
    at, span = mean.get(percentile), spread.get(percentile)
    cells = {
        f"{short}:\nmean": "" if at is None else f"{at:.2f}",
        f"{short}:\ngap": "" if at is None else f"{found - at:+.2f}",
    }
    if spread:
        cells[f"{short}:\nrange"] = "" if span is None else f"{span[0]:.1f} to {span[1]:.1f}"
    return cells
