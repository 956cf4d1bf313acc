"""A bar with rate and time left: on stderr in a terminal, as a widget in a notebook, silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, str], None]
"""Called with how much was done since the last call, and what is being worked on."""


@contextmanager
def progress_bar(total: int, wanted: bool = True, unit: str = "interval") -> Iterator[Advance]:
    """Show how far ``total`` steps have come while the block runs."""
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
    """A line in a terminal that says what is being done, for work whose length is unknown."""
    if not _in_terminal():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:
        yield line.update


def _in_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None: started without a stderr


def in_notebook() -> bool:
    """Does this code run in a Jupyter kernel?"""
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
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=total, rate="")

        def advance(count: int, what: str) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=count, description=what, rate=f"{speed:.0f} {unit}s/s" if speed else "")

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
