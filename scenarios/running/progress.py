"""Shows a bar with rate and time left: on stderr in a terminal, as a widget in a notebook, silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

Advance = Callable[[int, str], None]
"""Called with how much was done since the last call, and what is being worked on."""


@contextmanager
def progress_bar(total: int, wanted: bool = True, unit: str = "interval") -> Iterator[Advance]:
    """Shows how far ``total`` steps have come while the block runs."""
    if not wanted or total <= 0:
        yield _silent
    elif in_notebook():
        with _notebook_bar(total, unit) as advance:
            yield advance
    elif _in_terminal():
        with _terminal_bar(total, unit) as advance:
            yield advance
    else:
        yield _silent


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Shows a line in a terminal that says what is being done, for work whose length is unknown."""
    if not _in_terminal():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:
        yield line.update


def pace(done: float, total: float, spent_s: float, unit: str) -> tuple[str, str]:
    """Describes the mean rate and the time left, as ``12 intervals/s`` and ``0:01:30 left``, from all that was done.

    Windows may be minutes apart, so a rate over the last few seconds would mostly be unknown.

    Args:
        done: steps that are done.
        total: steps in all.
        spent_s: time that they took, in s.
        unit: what a step is called.
    """
    if done <= 0 or spent_s <= 0:
        return "", ""
    rate = done / spent_s
    left = timedelta(seconds=round((total - done) / rate))
    return f"{rate:.0f} {unit}s/s" if rate >= 1 else f"{60 * rate:.2g} {unit}s/min", f"{left} left"


def _in_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None: started without a stderr


def in_notebook() -> bool:
    """Checks whether this code runs in a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and "IPKernelApp" in instance.config


def _silent(count: int, what: str) -> None:
    return None


@contextmanager
def _terminal_bar(total: int, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=total, rate="", left="")

        def advance(count: int, what: str) -> None:
            bar.update(task, advance=count, description=what)
            now = bar.tasks[0]
            rate, left = pace(now.completed, total, now.elapsed or 0.0, unit)
            bar.update(task, rate=rate, left=left)

        yield advance


@contextmanager
def _notebook_bar(total: int, unit: str) -> Iterator[Advance]:
    try:
        import ipywidgets  # noqa: F401 -- without it tqdm's notebook bar cannot be made
        from tqdm.notebook import tqdm
    except ImportError:
        try:
            from tqdm import tqdm
        except ImportError:
            yield _silent
            return
    with tqdm(total=total, unit=unit, leave=False, mininterval=0.5) as bar:

        def advance(count: int, what: str) -> None:
            bar.set_description(what, refresh=False)
            bar.update(count)

        yield advance
