"""Prints what a run found: the comparison of its allocators, what tells them apart, how near they came to a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mac.metrics.intervals import mean_interval
from mac.metrics.registry import metric_named

from ..errors import ScenarioError
from ..results.caveats import count_sentences, interval_sentences, is_beyond_chance, needed_text, p_text, tests_of
from ..results.drift import drift_sentence
from ..results.result import plus_minus
from ..results.timing import decision_time_sentences, decision_times
from .console import counted, escaped, print_remark, print_wrapped, stdout, table_of

if TYPE_CHECKING:
    from ..results.bounds import BoundReport
    from ..results.result import Result

_MOST_ROWS, _MOST_METRICS = 12, 7  # of differences between variants; all of them stand in paired_variants.csv


def show_result(result: Result, of: str | None = None) -> None:
    """Prints the comparison, what tells the allocators apart, and where the results are.

    Args:
        result: of a run.
        of: label of the allocator to compare with each other one; None: the best.
    """
    console = stdout()
    scenario = result.settings
    many = f", mean over {counted(len(scenario.variants), 'variant')}" if scenario.variants else ""
    drops = counted(scenario.drops, "drop")
    title = f"{scenario.name}: {drops} of {scenario.duration_s:g} s{many} (mean ± 95 % interval)"
    frame = result.table()
    rows = [
        (str(label), *map(str, values)) for label, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    ]
    headings = [str(heading).replace(" [", "\n[") for heading in ("allocator", *frame.columns)]
    print_wrapped(console, title, headings, rows)
    for sentence in (*interval_sentences(result, "all" if scenario.variants else None), *count_sentences(result)):
        console.print(escaped(sentence))
    for what, how_much in (*result.account(), *result.notes()):
        console.print(escaped(f"{what}: {how_much}"))
    if scenario.variants:
        _by_variant(result, console)
        _variant_differences(result, console)
    for sentence in (*paired_sentences(result, of), *decision_time_sentences(decision_times(result))):
        console.print(escaped(sentence))
    if drift := drift_sentence(result.drifts):
        console.print(f"[yellow]{escaped(drift)}[/yellow]")
    folder = escaped(result.place)
    console.print(f"\nResults: {folder} (metrics.csv, plots/, shards/). A page of it: fairwave report {folder}")


def show_bound(found: BoundReport) -> None:
    """Prints a bound, and how near the allocators of a run came."""
    most = mean_interval(found.per_drop)
    drops = counted(len(found.per_drop), "drop")
    spread = "" if math.isnan(most.low) else f" ± {(most.high - most.low) / 2:.2g}"
    console = stdout()
    console.print(f"{found.scenario}: {found.metric} is at most {most.mean:.6g}{spread}, mean over {drops}")
    if found.reached:
        rows = [
            (one.allocator, f"{one.mean:.5g}", f"{100 * one.share.mean:.1f} %",
             "" if math.isnan(one.share.low) else f"{100 * one.share.low:.1f} to {100 * one.share.high:.1f} %")
            for one in found.reached
        ]  # fmt: skip
        console.print(table_of("", ["allocator", found.metric, "of the bound", "95 % interval"], rows))
    print_remark(found.meaning)


def paired_sentences(result: Result, of: str | None = None) -> list[str]:
    """Writes what the paired intervals say of the first headline metric: one allocator against each other one.

    Args:
        result: of a run.
        of: label of the one; None: the best.
    """
    if not result.headline or len(result.allocators) < 2:
        return []
    metric = result.headline[0]
    variant = "all" if result.settings.variants else None
    means = {label: _mean(result, metric, label, variant) for label in result.allocators}
    known = {label: mean for label, mean in means.items() if mean == mean}
    if len(known) < 2:
        return []
    lower = metric_named(metric).better == "lower"
    one = of if of in known else min(known, key=lambda label: known[label] if lower else -known[label])
    return [_sentence(result, metric, one, label, variant) for label in known if label != one]


def _by_variant(result: Result, console: Console) -> None:
    """Prints the first headline metric, allocators by variants, the mean over variants last."""
    if not result.headline:
        raise ScenarioError("no metric applies to this run")
    metric = result.headline[0]
    rows = result.metrics[result.metrics["metric"] == metric].to_dict("records")
    cells = {(row["allocator"], row["variant"]): plus_minus(row) for row in rows}
    names = [*result.settings.variants, "all"]
    body = [(variant, *(cells.get((label, variant), "-") for label in result.allocators)) for variant in names]
    print_wrapped(console, f"{metric} by variant", ("variant", *result.allocators), body)


def _variant_differences(result: Result, console: Console) -> None:
    """Prints what the first variant has more than each other one in the first headline metrics; few rows only."""
    table = result.paired_variants
    shown = [name for name in result.headline if (table["metric"] == name).any()]
    keys = list(dict.fromkeys(zip(table["allocator"], table["b"], strict=True)))
    shown = shown[:_MOST_METRICS]
    if not shown or len(keys) > _MOST_ROWS:
        return
    rows = {(row["allocator"], row["b"], row["metric"]): _difference(row) for row in table.to_dict("records")}
    several = len(result.allocators) > 1
    body = [
        (
            f"{allocator}: {other}" if several else str(other),
            *(rows.get((allocator, other, name), "-") for name in shown),
        )
        for allocator, other in keys
    ]
    title = f"{table['a'].iloc[0]} less each other variant, on the same drops (95 % interval; ! beyond chance)"
    print_wrapped(console, title, ("less", *(name.replace("/", "/\n") for name in shown)), body)


def _difference(row: Mapping[Any, Any]) -> str:
    """Writes ``+0.12 [0.02, 0.22] !``."""
    mean, low, high = row["mean_difference"], row["ci95_low"], row["ci95_high"]
    if math.isnan(mean):
        return "-"
    if math.isnan(low):
        return f"{mean:+.3g}"
    return f"{mean:+.3g} [{low:+.2g}, {high:+.2g}]{' !' if is_beyond_chance(row) else ''}"


def _sentence(result: Result, metric: str, best: str, other: str, variant: str | None) -> str:
    row = result.compare(metric, best, other, variant).to_dict()
    low, high = row["ci95_low"], row["ci95_high"]
    text = f"{metric}: {best} - {other} = {row['mean_difference']:+.4g}"
    if low != low:
        return f"{text} (one drop has no interval; take --drops 8)"
    verdict = "a difference beyond chance" if is_beyond_chance(row) else "no difference to tell"
    tests = tests_of(result.paired, {**row, "a": best, "b": other}) or tests_of(
        result.paired, {**row, "a": other, "b": best}
    )
    whole = f"{text}, 95 % interval [{low:+.4g}, {high:+.4g}] over {row['drops']} paired drops: {verdict}"
    aside = "; ".join(part for part in (p_text(row, tests), str(row["remark"]), needed_text(row)) if part)
    return f"{whole} ({aside})" if aside else whole


def _mean(result: Result, metric: str, label: str, variant: str | None) -> float:
    rows = result.metrics[(result.metrics["metric"] == metric) & (result.metrics["allocator"] == label)]
    chosen = rows[rows["variant"].isna() if variant is None else rows["variant"] == variant]
    return float(chosen["mean"].iloc[0]) if len(chosen) else float("nan")
