"""Turns whatever a user can cause into one message and an exit status."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, ParamSpec

import typer

from ..errors import ScenarioError
from ..running.interrupts import ignore_from_now_on
from .stdio import warnings_in_one_line

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Ends a command with one message for what a user can cause: exit status 2 for bad input, 130 for Ctrl-C."""

    @functools.wraps(command)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with warnings_in_one_line():
                command(*args, **kwargs)
                sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has had enough: typer ends the command without a word
            raise
        except KeyboardInterrupt as stop:
            ignore_from_now_on()
            _stop("; ".join(["interrupted", *map(str, stop.args)]), 130)
        except Exception as error:
            if not _can_be_helped(error):
                raise
            _stop(_message(error), 2)

    return safe


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Says where the results of a run lie when printing them fails."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ScenarioError(f"{_message(error)}; the results are whole in {folder}") from None


def _can_be_helped(error: Exception) -> bool:
    """Is this the user's to mend: bad input, a file, an allocator? Anything else is a fault of fairwave's."""
    if isinstance(error, ValueError | OSError):
        return True
    from mac.core.contracts import AllocatorError

    return isinstance(error, AllocatorError)


def _message(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and not error.filename and _no_current_folder():
        return "the current folder is no longer there; change to another one"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    cause = error.__cause__
    if cause is None or cause.__traceback__ is None or isinstance(cause, ValueError):
        return str(error)
    last = traceback.extract_tb(cause.__traceback__)[-1]
    if last.filename.startswith("<"):  # the import system's own: a module that is not there
        return str(error)
    return f"{error}\n  raised in {last.filename}, line {last.lineno}"


def _stop(message: str, status: int) -> NoReturn:
    from .console import complain

    complain(message)
    raise typer.Exit(status)


def _no_current_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
