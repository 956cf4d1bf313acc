"""Prints what the command line shows: tables, a few sentences, where results are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ..running.memory import human_bytes

if TYPE_CHECKING:
    from ..campaigns.sweep_result import SweepResult
    from ..running.plan import Plan


def stdout() -> Console:
    """Makes the console for results; wide in a pipe, so that no table is folded there."""
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, emoji=False, width=200)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)  # emoji: a module may be called a:b


def print_error(message: str) -> None:
    """Prints one error on stderr, without a traceback."""
    _stderr().print(f"[red]error:[/red] {escaped(message)}")


def warn(message: str) -> None:
    """Prints one warning on stderr, in one line."""
    _stderr().print(f"[yellow]warning:[/yellow] {escaped(' '.join(message.split()))}")


def warn_unfinished(sweep: SweepResult) -> None:
    """Warns where points of a sweep are missing in what is made of it."""
    if not sweep.complete:
        failed = f", {len(sweep.failed)} of them failed" if sweep.failed else ""
        left = len(sweep.stored) - len(sweep.done)
        warn(f"{sweep.place} is unfinished: {left} of {len(sweep.stored)} points are missing{failed}")


def print_remark(message: str) -> None:
    """Prints one remark on stderr, out of the way of what stdout carries."""
    _stderr().print(escaped(message))


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
    console.print(table_of("Dry run: nothing is simulated or written", ("", "plan"), rows, right=()))


def show_sweep_plan(data: Mapping[str, Any]) -> None:
    """Prints what a sweep would do, for ``--dry-run``."""
    console = stdout()
    varied = [(key, ", ".join(map(str, values))) for key, values in data["values"].items()]
    rows = [
        ("scenario", data["scenario"]),
        *varied,
        ("points", f"{data['points']} ({data['how']}); {data['done']} done before"),
        ("allocators", ", ".join(data["allocators"])),
        ("drops", _drops_of(data["drops"])),
        ("folder", data["folder"]),
        ("memory", f"about {human_bytes(data['memory_bytes'])}"),
        ("time", f"about {human_time(data['seconds'])} on one CPU thread"),
    ]
    console.print(table_of("Dry run: nothing is simulated or written", ("", "plan"), rows, right=()))
    for network in data["networks"].values():
        console.print(escaped(network["sentence"]))


def _drops_of(drops: int | Sequence[int]) -> str:
    return f"{drops} at each point" if isinstance(drops, int) else f"{', '.join(map(str, drops))}, by point"


def show_rows(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Prints plain rows as a table; one for each set of columns."""
    for columns in dict.fromkeys(map(tuple, rows)):
        alike = [row for row in rows if tuple(row) == columns]
        cells = [tuple("" if value is None else str(value) for value in row.values()) for row in alike]
        numbers = {key for key in columns if all(isinstance(row[key], int | float) for row in alike)}
        stdout().print(table_of(title, columns, cells, numbers))


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
    console.print(escaped(f"{found['name']} ({found['family']}): {found['source']}\n\n{found['documentation']}\n"))
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
        console.print(table_of("", columns, rows, right=()))
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


def print_wrapped(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, as several below each other where it is too wide; the first column begins each of them."""
    for number, columns in enumerate(_that_fit(console.width, headings, rows)):
        cells = [[row[i] for i in columns] for row in rows]
        console.print(table_of("" if number else title, [headings[i] for i in columns], cells))


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


def table_of(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] | None = None
) -> Table:
    """Builds a table whose columns ``right``, by default all but the first, are aligned to the right."""
    table = Table(title=escaped(title), title_justify="left")
    right = columns[1:] if right is None else right
    for column in columns:
        table.add_column(escaped(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escaped, row))
    return table


def escaped(text: str) -> str:
    """Escapes what rich would read as markup."""
    from rich.markup import escape

    return escape(text)
