"""Writes one self-contained HTML page about a run: table, paired differences, plots, scenario, versions."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml

from mac.metrics.intervals import ALL
from mac.metrics.registry import METRICS, PLUGGED, metric_named

from .. import families
from ..errors import ScenarioError
from ..files import write_atomically
from ..plots.figures import applicable_plots, plots_of
from ..plots.style import picture
from ..results.caveats import count_sentences, interval_sentences, is_beyond_chance, needed_text, p_text, tests_of
from ..results.drift import drift_sentence
from ..results.result import Result, is_lopsided
from ..results.run_folder import require_ours
from ..run_result import RunResult
from ..running.write_outputs import unfinished

_GLANCE = 7  # metrics that stand side by side in the table beside an account


@dataclass(frozen=True)
class Value:
    """Holds a cell of a table: text, and whether it is the best of its row or not told apart from the best."""

    text: str
    best: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Row:
    """Holds a row of a table."""

    label: str
    unit: str
    hint: str
    values: list[Value]


@dataclass(frozen=True)
class PairedDifference:
    """Holds a paired difference and what it says."""

    metric: str
    unit: str
    a: str
    b: str
    difference: str
    drops: int
    tests: str  # p-values, empty where the metric was not tested
    verdict: str
    significant: bool
    allocator: str = ""  # of a difference between variants


@dataclass(frozen=True)
class Section:
    """Holds a table of the run's family."""

    title: str
    note: str
    headings: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Picture:
    """Holds a plot as it stands in the page."""

    name: str
    caption: str
    data: str  # base64 of an SVG file


def write_report(result: RunResult, path: str | Path | None = None, force: bool = False) -> Path:
    """Writes the page and returns its path.

    Args:
        result: the run.
        path: where to; ``report.html`` in the run folder if not given.
        force: overwrite what is there even if it is no earlier page.

    Raises:
        ScenarioError: ``path`` is a folder or a file of another program, or cannot be written.
    """
    target = Path(path) if path is not None else result.run_dir / "report.html"
    if target.is_dir():
        raise ScenarioError(f"{target} is a folder; name a file, such as {target / 'report.html'}")
    require_ours(target, force)
    write_atomically(target, render(result).encode(errors="backslashreplace"))  # a path need not be text
    return target


def render(result: RunResult) -> str:
    """Renders the page as text. Everything that comes from the run is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2").render(**_content(result))


def headline_sentence(result: RunResult, variant: str | None) -> str:
    """Writes one sentence on the first headline metric: which allocator is best, which others it beats, by how much.

    ``equal has the best satisfaction, 0.913 [0.857, 0.969]: better than max_weight by 0.091 [0.046, 0.136], ...``.
    """
    metric = next((name for name in result.headline if metric_named(name).better), None)
    table = _of(result.metrics, variant)
    found = table[(table["metric"] == metric) & table["mean"].notna()].set_index("allocator")
    if metric is None or found.empty:
        return ""
    lower = metric_named(metric).better == "lower"
    best = str(found["mean"].idxmin() if lower else found["mean"].idxmax())
    row = found.loc[[best]].to_dict("records")[0]
    unit = metric_named(metric).unit
    named = f"{metric} of {best}" if len(found) == 1 else f"{best} has the best {metric}"
    text = f"{named}{': ' if len(found) == 1 else ', '}{_bracketed(row['mean'], row['ci95_low'], row['ci95_high'])}"
    return f"{text}{'' if unit == '1' else f' {unit}'}{_against(result, metric, best, variant)}."


def _against(result: RunResult, metric: str, best: str, variant: str | None) -> str:
    """Writes the rest of the sentence: what the best allocator beats beyond chance, and what it does not."""
    table = _of(result.paired, variant)
    rows = table[(table["metric"] == metric) & ((table["a"] == best) | (table["b"] == best))].to_dict("records")
    beaten, level = [], []
    for row in rows:
        other = str(row["b"] if row["a"] == best else row["a"])
        if not is_beyond_chance(row):
            level.append(other)
            continue
        low, high = sorted((abs(row["ci95_low"]), abs(row["ci95_high"])))
        beaten.append(f"{other} by {_bracketed(abs(row['mean_difference']), low, high)}")
    parts = [f"better than {', '.join(beaten)}"] if beaten else []
    parts += [f"not told apart from {', '.join(level)}"] if level else []
    return f": {'; '.join(parts)} ({int(rows[0]['drops'])} drops)" if parts else ""


def _bracketed(mean: float, low: float, high: float) -> str:
    """Writes ``0.913 [0.857, 0.969]``, a mean with its 95 % interval."""
    if not math.isfinite(high - low):
        return number(mean)
    digits = decimals([mean], [(high - low) / 2])
    return f"{number(mean, digits=digits)} [{number(low, digits=digits)}, {number(high, digits=digits)}]"


def comparison(result: RunResult, metrics: list[str], variant: str | None) -> list[Row]:
    """Makes a row per metric with a value per allocator; marks the best, and those not told apart from it."""
    return [row for metric in metrics if (row := _row(result, metric, metric, variant)) is not None]


def differences(result: RunResult, metrics: list[str], variant: str | None) -> list[PairedDifference]:
    """Lists every paired difference of the given metrics, with a verdict: which of the two is higher or better."""
    table = _of(result.paired, variant)
    rows = [row for metric in metrics for row in table[table["metric"] == metric].to_dict("records")]
    return [_paired_difference(row, tests_of(table, row)) for row in rows]


def variant_differences(result: RunResult, metrics: list[str]) -> list[PairedDifference]:
    """Lists the paired differences of the first variant to every other one in the given metrics, by allocator."""
    table = result.paired_variants
    rows = [row for metric in metrics for row in table[table["metric"] == metric].to_dict("records")]
    return [_paired_difference(row, tests_of(table, row)) for row in rows]


def number(mean: float, half: float = math.nan, digits: int | None = None) -> str:
    """Writes ``0.631 ± 0.018``; the decimals, if not given, are those that :func:`decimals` finds."""
    if math.isnan(mean):
        return "–"  # noqa: RUF001  a dash, as tables have it
    if math.isinf(mean):
        return "∞" if mean > 0 else "-∞"
    digits = decimals([mean], [half]) if digits is None else digits
    if not math.isfinite(half):
        return f"{mean:,.{digits}f}"
    return f"{mean:,.{digits}f} ± {f'{half:,.{digits}f}' if half else '0'}"


def with_interval(mean: float, low: float, high: float, digits: int | None = None) -> str:
    """Writes ``0.631 ± 0.018``, or ``0.912 [0.850, 0.940]`` where the mean is not in its middle."""
    half = (high - low) / 2
    if not (math.isfinite(mean) and math.isfinite(half) and is_lopsided(mean, low, high)):
        return number(mean, half, digits)
    digits = decimals([mean], [half]) if digits is None else digits
    return f"{number(mean, digits=digits)} [{number(low, digits=digits)}, {number(high, digits=digits)}]"


def decimals(means: Iterable[float], halves: Iterable[float]) -> int:
    """Chooses the decimals for a row of a table: two leading digits of the median interval.

    Three of the mean, if there is no interval. At most four leading digits of the median mean are shown, so that an
    interval of rounding errors shows as zero.
    """
    known = [half for half in halves if math.isfinite(half) and half > 0]
    sizes = [abs(mean) for mean in means if math.isfinite(mean) and mean != 0]
    most = _places(median(sizes), 4) if sizes else 9
    if known:
        return min(most, _places(median(known), 2))
    return _places(median(sizes), 3) if sizes else 0


def _content(result: RunResult) -> dict[str, Any]:
    pictures = _pictures(result)
    main = _main_variant(result)
    here = _of(result.metrics, main)
    order = [*METRICS, *PLUGGED]
    known = sorted(dict.fromkeys(here["metric"]), key=lambda name: order.index(name.partition("/")[0]))
    headline, first = result.headline, result.headline[0]
    facts = [(name, text) for name, text in flat(result.meta) if not name.startswith(("versions.", "not_stationary"))]
    return {
        "name": str(result.scenario.get("name", result.run_dir.name)),
        "folder": result.run_dir.name,
        "allocators": result.allocators,
        "variants": [name for name in result.variants if name is not None],
        "drops": int(result.per_drop["drop"].nunique()),
        "missing": unfinished(result) if isinstance(result, Result) else [],
        "opening": headline_sentence(result, main),
        "words": [metric_named(name) for name in headline],
        "drift": drift_sentence(result.drifts) if isinstance(result, Result) else None,
        "caveats": [*interval_sentences(result, main), *count_sentences(result)],
        "headline": comparison(result, headline, main),
        "first": first,
        "by_variant": _by_variant(result, first),
        "pairs": differences(result, [first], main),
        "more_pairs": differences(result, [name for name in headline if name != first], main),
        "variant_pairs": variant_differences(result, [first]),
        "more_variant_pairs": variant_differences(result, [name for name in headline if name != first]),
        "account": [*result.account(), *result.notes()] if isinstance(result, Result) else [],
        "sections": _sections(result),
        "glance": comparison(result, headline[:_GLANCE], main),
        "pictures": pictures,
        "everything": comparison(result, known, main),
        "scenario": yaml.safe_dump(plain(result.scenario), sort_keys=False, allow_unicode=True, width=100),
        "versions": flat(result.meta.get("versions", {})),
        "facts": facts,
        "definitions": [metric for metric in (METRICS | PLUGGED).values() if metric.name in known],
    }


def _row(result: RunResult, metric: str, label: str, variant: str | None) -> Row | None:
    table = _of(result.metrics, variant)
    found = table[table["metric"] == metric].set_index("allocator")
    if found.empty:
        return None
    best = _best(found["mean"], metric_named(metric).better)
    tied = _tied(result, metric, best, variant)
    unit = str(found["unit"].iloc[0])
    found = found.assign(half=(found["ci95_high"] - found["ci95_low"]) / 2)
    digits = decimals(found["mean"], found["half"])
    values = [_value(found, allocator, digits, (best, tied)) for allocator in result.allocators]
    return Row(label, "" if unit == "1" else unit, metric_named(metric).description, values)


def _value(found: pd.DataFrame, allocator: str, digits: int, marks: tuple[set[str], set[str]]) -> Value:
    if allocator not in found.index:
        return Value(number(math.nan))
    row = found.loc[[allocator]].to_dict("records")[0]
    best, tied = marks
    close = allocator in tied and math.isfinite(row["mean"])
    text = with_interval(row["mean"], row["ci95_low"], row["ci95_high"], digits)
    return Value(f"{text}*" if row["remark"] else text, allocator in best, close)


def _best(means: pd.Series, better: str | None) -> set[str]:
    """Finds the allocators with the best mean, but for rounding; none where all are equal or no direction is better."""
    known = means.dropna()
    if better is None or len(known) < 2:
        return set()
    top = known.max() if better == "higher" else known.min()
    equal = np.isclose(known, top, rtol=1e-9, atol=0.0)
    return set() if equal.all() else {str(name) for name in known.index[equal]}


def _tied(result: RunResult, metric: str, best: set[str], variant: str | None) -> set[str]:
    """Finds allocators whose paired interval against the best one holds zero, or is unknown."""
    table = _of(result.paired, variant)
    rows = table[(table["metric"] == metric) & (table["a"].isin(best) | table["b"].isin(best))]
    pairs = [(str(r["a"]), str(r["b"])) for r in rows.to_dict("records") if not is_beyond_chance(r)]
    return {name for pair in pairs for name in pair if name not in best}


def _by_variant(result: RunResult, metric: str) -> list[Row]:
    names = list(dict.fromkeys(result.metrics["variant"].dropna()))
    rows = [_row(result, metric, "mean of all" if name == ALL else str(name), name) for name in names]
    return [row for row in rows if row is not None]


def _paired_difference(row: dict[Any, Any], tests: int) -> PairedDifference:
    metric, mean = str(row["metric"]), float(row["mean_difference"])
    text = with_interval(mean, row["ci95_low"], row["ci95_high"])
    signed = f"+{text}" if mean > 0 else text
    unit = metric_named(metric).unit
    return PairedDifference(
        metric=metric,
        unit="" if unit == "1" else unit,
        a=str(row["a"]),
        b=str(row["b"]),
        difference=signed,
        drops=int(row["drops"]),
        tests=p_text(row, tests, both=True),
        verdict=_verdict(row),
        significant=is_beyond_chance(row),
        allocator=str(row.get("allocator", "")),
    )


def _verdict(row: dict[Any, Any]) -> str:
    if math.isnan(row["ci95_low"]):
        return "no interval: too few drops"
    if not is_beyond_chance(row):
        if row["ci95_low"] == row["ci95_high"] == 0:
            return "identical"
        return "; ".join(part for part in ("not told apart", str(row["remark"]), needed_text(row)) if part)
    higher, lower = (row["a"], row["b"]) if row["mean_difference"] > 0 else (row["b"], row["a"])
    better = metric_named(str(row["metric"])).better
    return f"{higher} is higher" if better is None else f"{higher if better == 'higher' else lower} is better"


def _pictures(result: RunResult) -> list[Picture]:
    known = plots_of(result)
    drawn = {name: picture(draw(), "svg") for name, draw in applicable_plots(result).items()}
    return [Picture(name, known[name].caption, base64.b64encode(svg).decode()) for name, svg in drawn.items()]


def _sections(result: RunResult) -> list[Section]:
    """Makes the tables of the run's family; those without rows are left out."""
    made = [(one, list(one.rows(result))) for one in families.find(result.scenario["family"]).report_sections]
    return [
        Section(one.title, one.note, list(rows[0]), [[str(value) for value in row.values()] for row in rows])
        for one, rows in made
        if rows
    ]


def _main_variant(result: RunResult) -> str | None:
    return ALL if result.metrics["variant"].notna().any() else None


def _of(table: pd.DataFrame, variant: str | None) -> pd.DataFrame:
    return table[table["variant"].isna() if variant is None else table["variant"] == variant]


def flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Flattens nested mappings to (dotted key, text), for a table of facts."""
    if not isinstance(values, dict):
        return [(prefix, f"{values:.6g}" if isinstance(values, float) else str(values))]
    return [item for key, value in values.items() for item in flat(value, f"{prefix}.{key}" if prefix else str(key))]


def plain(value: Any) -> Any:
    """Converts a value to the types that YAML knows: tuples as lists, paths and others as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _places(value: float, leading: int) -> int:
    """Counts the decimals that show ``leading`` significant digits of a positive number, 0 to 9."""
    return min(9, max(0, leading - 1 - math.floor(math.log10(value))))
