"""Defines the one error that a user's input can raise, and points at what was probably meant."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path


class ScenarioError(ValueError):
    """Refuses a scenario, option or run folder. The message is complete: show it without a traceback."""


def did_you_mean(given: str, options: Iterable[str]) -> str:
    """Writes ``"; did you mean 'x'? (one of: x, y)"`` for the nearest option, or only the list where none is near."""
    known = sorted(options)
    folded = {option.lower().replace("-", "_"): option for option in known}
    near = difflib.get_close_matches(given.lower().replace("-", "_"), folded, n=1, cutoff=0.5)
    hint = f"; did you mean '{folded[near[0]]}'?" if near else ";"
    return f"{hint} one of: {', '.join(known)}" if known else ""


def shown(value: object, limit: int = 80) -> str:
    """Writes a value as it may stand in a message: its ``repr``, cut where it is long; ``null`` is nothing."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def is_unicode(text: str) -> bool:
    """Checks whether a text can be written in UTF-8; a path of other bytes, as Python holds it, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_user_error(error: Exception) -> bool:
    """Checks whether an error is the user's to mend (bad input, a file, an allocator), and no fault of fairwave's."""
    if isinstance(error, ValueError | OSError):
        return True
    from mac.core.contracts import AllocatorError

    return isinstance(error, AllocatorError)


def message_of(error: Exception) -> str:
    """Returns what the command line says of an error, with the place in a plug-in where it arose."""
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


def _no_current_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
