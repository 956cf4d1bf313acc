"""Keeps stdout to what a command is asked for."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_STDOUT, _STDERR = 1, 2


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Warnings while the block runs go to stderr as one line each; where they arose is told of libraries' only."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        from .console import warn

        place = "" if category is UserWarning else f" ({category.__name__}: {filename}, line {lineno})"
        warn(f"{message}{place}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def chatter_on_stderr(wanted: bool = True) -> Iterator[None]:
    """What plug-ins and libraries print on stdout while the block runs goes to stderr, be it from Python or from C."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)
