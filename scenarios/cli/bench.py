"""Defines the command ``fairwave bench``, and prints its rows as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..errors import ScenarioError


def bench(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(help="One or several, such as W1; no name is answered with all of them."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    drops: Annotated[
        int | None, typer.Option(help="Only this batch of drops, in each worker; left out, the best of several.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="exact (every cell fades), fast (each user's strongest ones) or both; left out, both."),
    ] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compile/--eager", help="In compiled loops, as in a run, or by torch's operations.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads on a CPU; left out, OMP_NUM_THREADS or 1.")] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", help="Processes that do the same at the same time; their rates are added up.")
    ] = 1,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Instead: cost of a step over growing networks and 1 to 512 drops.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")] = False,
) -> None:
    """Measure speed on fixed workloads: steps per second, such as slots of a downlink."""
    from ..bench import bench as measuring
    from ..bench.case import BenchOptions
    from ..bench.case import workloads as known_workloads
    from ..bench.environments import environment_workloads
    from ..running.progress import status

    if bool(workloads) == scaling:
        known = ", ".join([*known_workloads(), *environment_workloads()])
        raise ScenarioError(f"name workloads ({known}), or else take --scaling alone")
    options = BenchOptions(device, drops, mode=mode or "both", compiled=compiled, threads=threads, workers=workers)
    with status() as tell:
        if workloads:
            rows = measuring.bench(workloads, options, tell)
        else:
            from ..bench.scaling import scaling as scale

            rows = scale(options, tell)
    if as_json:
        typer.echo(json.dumps(rows, indent=2, allow_nan=False))
    elif workloads:
        _show(rows)
    else:
        _show_scaling(rows)


_HEADINGS = {
    "copy_bytes_per_s": "copy bandwidth",
    "share_of_copy": "share of copy bandwidth",
    "peak_memory_bytes": "peak memory",
}
_SAID_ABOVE = ("threads", "workers", "device")


def _show(rows: Sequence[dict[str, Any]]) -> None:
    """Prints rows as a table; one for each set of columns."""
    from .console import counted, print_remark, show_rows

    first = rows[0]
    title = f"bench on {first['device']}, {counted(first['threads'], 'thread')}"
    title += f" in each of {first['workers']} workers, added up" if first["workers"] > 1 else ""
    show_rows(title, [{_heading(k): _shown(k, v) for k, v in row.items() if k not in _SAID_ABOVE} for row in rows])
    if any("time_over_loop" in row for row in rows):
        print_remark("Time over loop: that of an environment's steps over that of as many intervals of a run's loop.")
    if all("time_over_loop" in row for row in rows):
        return
    print_remark(
        "Rates are summed over the drops of a batch. Bytes are what operations read and write: how they are counted "
        "stands in benchmarks/README.md."
    )


def _heading(key: str) -> str:
    return _HEADINGS.get(key, key.replace("_", " "))


def _shown(key: str, value: Any) -> Any:
    """Formats a value for people to read."""
    from ..running.memory import human_bytes

    if key == "compiled":
        return "yes" if value else "no"
    if key == "share_of_copy":
        return f"{100 * value:.0f} %"
    if key == "copy_bytes_per_s":
        return f"{human_bytes(value)}/s"
    return human_bytes(value) if "bytes" in key else value


def _show_scaling(rows: Sequence[dict[str, Any]]) -> None:
    """Prints a table for each family and mode, sizes down and drops across; what did not fit is named."""
    from .console import counted, print_remark, show_rows

    for family, mode in dict.fromkeys((row["family"], row["mode"]) for row in rows):
        own = [row for row in rows if (row["family"], row["mode"]) == (family, mode)]
        growing, fixed = _sizes(own)
        table: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in own:
            line = table.setdefault(tuple(row[key] for key in growing), {key: row[key] for key in growing})
            line[counted(row["drops"], "drop")] = _scaling_entry(row)
        settings = ", ".join([mode, *(f"{own[0][key]} {key}" for key in fixed)])
        cost = _heading(_cost_key(own[0]).removeprefix("us_per_"))
        show_rows(f"{family}: microseconds per {cost}, and memory of the batch ({settings})", list(table.values()))
        for row in own:
            if row["skipped"]:
                sizes = ", ".join(f"{row[key]} {key}" for key in growing)
                print_remark(f"{sizes} x {counted(row['drops'], 'drop')} ({mode}) left out: {row['skipped']}")


def _sizes(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Returns the sizes that differ between rows of a table, all of them where none does, and the others."""
    keys = list(rows[0])
    sizes = keys[keys.index("family") + 1 : keys.index("drops")]
    growing = [key for key in sizes if len({row[key] for row in rows}) > 1] or sizes
    return growing, [key for key in sizes if key not in growing]


def _cost_key(row: dict[str, Any]) -> str:
    return next(key for key in row if key.startswith("us_per_"))


def _scaling_entry(row: dict[str, Any]) -> str:
    from ..running.memory import human_bytes

    return "-" if row["skipped"] else f"{row[_cost_key(row)]:.2f}  {human_bytes(row['memory_bytes'])}"
