"""Prints what the command line shows: tables, a few sentences, where results are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ..errors import ScenarioError
from ..results.caveats import count_sentences, interval_sentences, is_beyond_chance, needed_text, p_text, tests_of
from ..results.drift import drift_sentence
from ..results.timing import decision_time_sentences, decision_times
from ..running.memory import human_bytes

if TYPE_CHECKING:
    from ..results.bounds import BoundReport
    from ..results.result import Result
    from ..running.plan import Plan

_MOST_ROWS, _MOST_METRICS = 12, 7  # of differences between variants; all of them stand in paired_variants.csv


def stdout() -> Console:
    """Makes the console for results; wide in a pipe, so that no table is folded there."""
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, emoji=False, width=200)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)  # emoji: a module may be called a:b


def print_error(message: str) -> None:
    """Prints one error on stderr, without a traceback."""
    _stderr().print(f"[red]error:[/red] {_escaped(message)}")


def warn(message: str) -> None:
    """Prints one warning on stderr, in one line."""
    _stderr().print(f"[yellow]warning:[/yellow] {_escaped(' '.join(message.split()))}")


def print_remark(message: str) -> None:
    """Prints one remark on stderr, out of the way of what stdout carries."""
    _stderr().print(_escaped(message))


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
    _print_wrapped(console, title, headings, rows)
    for sentence in (*interval_sentences(result, "all" if scenario.variants else None), *count_sentences(result)):
        console.print(_escaped(sentence))
    for what, how_much in (*result.account(), *result.notes()):
        console.print(_escaped(f"{what}: {how_much}"))
    if scenario.variants:
        _by_variant(result, console)
        _variant_differences(result, console)
    for sentence in (*paired_sentences(result, of), *decision_time_sentences(decision_times(result))):
        console.print(_escaped(sentence))
    if drift := drift_sentence(result.drifts):
        console.print(f"[yellow]{_escaped(drift)}[/yellow]")
    folder = _escaped(str(result.run_dir))
    console.print(f"\nResults: {folder} (metrics.csv, plots/, shards/). A page of it: fairwave report {folder}")


def show_bound(found: BoundReport) -> None:
    """Prints a bound, and how near the allocators of a run came."""
    from mac.metrics.intervals import mean_interval

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
        console.print(_table("", ["allocator", found.metric, "of the bound", "95 % interval"], rows))
    print_remark(found.meaning)


def paired_sentences(result: Result, of: str | None = None) -> list[str]:
    """Writes what the paired intervals say of the first headline metric: one allocator against each other one.

    Args:
        result: of a run.
        of: label of the one; None: the best.
    """
    from mac.metrics.registry import metric_named

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


def show_plan(plan: Plan) -> None:
    """Prints what a run would do, for ``--dry-run``."""
    console, data = stdout(), plan.to_json()
    workers = data["workers"]
    times = f"{data['warmup_intervals']} warm-up + {data['intervals']} of {data['interval_s']:g} s"
    where = "one CPU thread" if workers == 1 else "these workers"
    together = f"{counted(data['drops_per_batch'], 'drop')} x {counted(data['allocators_per_batch'], 'allocator')}"
    rows = [
        ("scenario", f"{data['scenario']} ({data['family']}, hash {data['hash'][:8]})"),
        ("variants", ", ".join(data["variants"]) or "none"),
        ("allocators", ", ".join(data["allocators"])),
        ("drops", f"{data['drops']}; {together} in a batch; {counted(data['batches'], 'batch', 'batches')}"),
        ("intervals", f"{times}, {counted(data['windows'], 'window')}"),
        ("device", f"{data['device']}, {data['dtype']}"),
        ("workers", f"{workers}, each a process of its own" if workers > 1 else "1, this process"),
        ("memory", f"about {human_bytes(data['memory_bytes'])}{' in all' if workers > 1 else ''}"),
        ("time", f"about {human_time(data['seconds'])} on {where}, slow decisions not counted"),
    ]
    console.print(_table("Dry run: nothing is simulated or written", ("", "plan"), rows, right=()))


def show_sweep_plan(data: Mapping[str, Any]) -> None:
    """Prints what a sweep would do, for ``--dry-run``."""
    console = stdout()
    varied = [(key, ", ".join(map(str, values))) for key, values in data["values"].items()]
    rows = [
        ("scenario", data["scenario"]),
        *varied,
        ("points", f"{data['points']} ({data['how']}); {data['done']} done before"),
        ("allocators", ", ".join(data["allocators"])),
        ("drops", f"{data['drops']} at each point"),
        ("folder", data["folder"]),
        ("memory", f"about {human_bytes(data['memory_bytes'])}"),
        ("time", f"about {human_time(data['seconds'])} on one CPU thread"),
    ]
    console.print(_table("Dry run: nothing is simulated or written", ("", "plan"), rows, right=()))
    for network in data["networks"].values():
        console.print(_escaped(network["sentence"]))


def show_rows(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Prints plain rows as a table; one for each set of columns."""
    for columns in dict.fromkeys(map(tuple, rows)):
        alike = [row for row in rows if tuple(row) == columns]
        cells = [tuple("" if value is None else str(value) for value in row.values()) for row in alike]
        numbers = {key for key in columns if all(isinstance(row[key], int | float) for row in alike)}
        stdout().print(_table(title, columns, cells, numbers))


def show_overview(topics: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Prints how much there is of each topic, and the names, as far as they fit a screen."""
    rows = [(topic, str(len(there)), ", ".join(str(row["name"]) for row in there)) for topic, there in topics.items()]
    console = stdout()
    for topic, number, names in rows:
        text = names if len(names) < 160 else names[: names.rfind(", ", 0, 150)] + ", ..."
        console.print(f"{topic} ({number}): {text}")
    console.print("\nMore: fairwave list TOPIC, or fairwave list allocators NAME")
    console.print("Of environments: fairwave list features, actions or rewards")


def show_details(found: dict[str, Any]) -> None:
    """Prints one allocator: its parameters, its documentation, and its file."""
    console = stdout()
    console.print(_escaped(f"{found['name']} ({found['family']}): {found['source']}\n\n{found['documentation']}\n"))
    if found["parameters"]:
        columns = ("parameter", "type", "default", "description")
        rows = [
            (
                row["name"],
                row["type"],
                "required" if row["default"] is None else str(row["default"]),
                row["description"],
            )
            for row in found["parameters"]
        ]
        console.print(_table("", columns, rows, right=()))
    else:
        console.print("no parameters")


def counted(number: int, one: str, many: str | None = None) -> str:
    """Writes ``1 drop``, ``2 drops``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def human_time(seconds: float) -> str:
    """Writes ``45 s``, ``3.2 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _print_wrapped(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, as several below each other where it is too wide; the first column begins each of them."""
    for number, columns in enumerate(_that_fit(console.width, headings, rows)):
        cells = [[row[i] for i in columns] for row in rows]
        console.print(_table("" if number else title, [headings[i] for i in columns], cells))


def _that_fit(width: int, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[int]]:
    """Groups the columns by what fits side by side; each group has the first column and at least one more."""
    wide = [3 + max(len(line) for line in (*heading.split("\n"), *(row[i] for row in rows)))
            for i, heading in enumerate(headings)]  # fmt: skip
    groups: list[list[int]] = [[0]]
    for i in range(1, len(headings)):
        if len(groups[-1]) > 1 and 1 + sum(wide[j] for j in groups[-1]) + wide[i] > width:
            groups.append([0])
        groups[-1].append(i)
    return groups


def _by_variant(result: Result, console: Console) -> None:
    """Prints the first headline metric, allocators by variants, the mean over variants last."""
    from ..results.result import plus_minus

    if not result.headline:
        raise ScenarioError("no metric applies to this run")
    metric = result.headline[0]
    rows = result.metrics[result.metrics["metric"] == metric].to_dict("records")
    cells = {(row["allocator"], row["variant"]): plus_minus(row) for row in rows}
    names = [*result.settings.variants, "all"]
    body = [(variant, *(cells.get((label, variant), "-") for label in result.allocators)) for variant in names]
    _print_wrapped(console, f"{metric} by variant", ("variant", *result.allocators), body)


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
    _print_wrapped(console, title, ("less", *(name.replace("/", "/\n") for name in shown)), body)


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


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] | None = None
) -> Table:
    """Builds a table whose columns ``right``, by default all but the first, are aligned to the right."""
    table = Table(title=_escaped(title), title_justify="left")
    right = columns[1:] if right is None else right
    for column in columns:
        table.add_column(_escaped(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_escaped, row))
    return table


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
