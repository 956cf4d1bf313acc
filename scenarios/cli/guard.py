"""Converts errors that a user can cause into one message and an exit status."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from ..errors import is_user_error, message_of
from ..running.interrupts import ignore_interrupts
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
            ignore_interrupts()
            _stop("; ".join(["interrupted", *map(str, stop.args)]), 130)
        except Exception as error:
            if not is_user_error(error):
                raise
            _stop(message_of(error), 2)

    return safe


def _stop(message: str, status: int) -> NoReturn:
    from .console import print_error

    print_error(message)
    raise typer.Exit(status)
