"""Writes one self-contained HTML page about a sweep: curves to look at closely and to filter, its points, what failed.

Plotly's script is embedded, so the page needs no network.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mac.metrics.intervals import ALL
from mac.metrics.registry import metric_named

from ..errors import ScenarioError
from ..files import write_atomically
from ..plots.style import style_at
from ..results.result import Result
from ..results.run_folder import require_ours
from .figure import SPREAD
from .points import value_text
from .selection import is_numeric
from .sweep_folder import PAGE
from .sweep_result import SweepResult, unmoved

_MOST_ROWS = 200_000  # of the page's data; where there are more, only the headline metrics are in it
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross",
            "X": "x", "*": "star", "<": "triangle-left", ">": "triangle-right"}  # fmt: skip
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
_STYLES = 10


def write_page(sweep: SweepResult, path: str | Path | None = None, force: bool = False) -> Path:
    """Writes the page and returns its path.

    Args:
        sweep: the sweep, finished or not.
        path: where to; ``report.html`` in the sweep's folder if not given.
        force: overwrite what is there even if it is no earlier page.

    Raises:
        ScenarioError: Plotly is not installed, no point is done, or ``path`` cannot be written.
    """
    target = Path(path) if path is not None else sweep.folder / PAGE
    if target.is_dir():
        raise ScenarioError(f"{target} is a folder; name a file, such as {target / PAGE}")
    require_ours(target, force)
    write_atomically(target, render(sweep).encode(errors="backslashreplace"))
    return target


def render(sweep: SweepResult) -> str:
    """Renders the page as text. Everything that comes from the sweep is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    networks = [one["sentence"] for one in sweep.record.get("networks", {}).values()]
    first = Result(sweep.done[0].folder) if sweep.done else None
    return environment.get_template("sweep.html.j2").render(
        name=sweep.name,
        folder=str(sweep.folder),
        keys=sweep.keys,
        points=sweep.points.to_dict("records"),
        done=len(sweep.done),
        drops=first.settings.drops if first else 0,
        failed=sweep.failed,
        networks=networks,
        unmoved=unmoved(sweep),
        command=sweep.record.get("command"),
        versions=first.meta.get("versions", {}) if first else {},
        data=_script(_data(sweep)),
        spread=SPREAD,
        plotly=Markup(_plotly()),
    )


def _plotly() -> str:
    """Returns Plotly's script."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ScenarioError("the page of a sweep needs Plotly, which is not installed: pip install 'fairwave[page]'; "
                            "figures and tables need it not (fairwave figure, fairwave table)") from None  # fmt: skip
    return str(get_plotlyjs())


def _data(sweep: SweepResult) -> dict[str, Any]:
    """Collects what the page draws: the names and values of axes, and a row for each mean."""
    table = sweep.metrics
    if len(table) > _MOST_ROWS:
        table = table[table["metric"].isin(sweep.headline)]
    values: dict[str, list[Any]] = {key: list(dict.fromkeys(table[key])) for key in sweep.keys}
    values = {key: sorted(column) if is_numeric(column) else column for key, column in values.items()}
    values["variant"] = [ALL if name is None else name for name in sweep.variants]
    values["allocator"] = sweep.allocators
    axes, metrics = list(values), list(dict.fromkeys(table["metric"]))
    table = table.assign(variant=table["variant"].fillna(ALL))
    places = {axis: {value_text(value): i for i, value in enumerate(column)} for axis, column in values.items()}
    rows = [
        [*(places[axis][value_text(row[axis])] for axis in axes), metrics.index(row["metric"]),
         *(_number(row[name]) for name in ("mean", "ci95_low", "ci95_high")), row["drops"]]
        for row in table.to_dict("records")
    ]  # fmt: skip
    looks = [style_at(i) for i in range(_STYLES)]
    return {
        "axes": axes,
        "numeric": [axis for axis in sweep.keys if is_numeric(values[axis])],
        "values": {axis: [value_text(value) for value in column] for axis, column in values.items()},
        "metrics": [{"name": name, "unit": metric_named(name).unit, "text": metric_named(name).description}
                    for name in metrics],
        "first": metrics.index(sweep.headline[0]),
        "rows": rows,
        "styles": [[look.colour, _SYMBOLS[look.marker], _DASHES[look.dash]] for look in looks],
    }  # fmt: skip


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _script(data: dict[str, Any]) -> Markup:
    """Writes data so that it can stand in a script: no text in it ends the script."""
    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))
