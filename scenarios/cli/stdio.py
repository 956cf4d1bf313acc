"""Makes standard streams usable, and keeps stdout to what a command is asked for."""

from __future__ import annotations

import codecs
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from ..errors import ScenarioError, message_of

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PLAIN = {"±": "+-", "µ": "u", "²": "^2", "⁴": "^4", "→": "->", "–": "-", "∞": "inf"}  # noqa: RUF001
"""Replacements for characters that a stream's encoding does not have; others are escaped, as in ``\\u03c0``."""


def mend_streams() -> frozenset[int]:
    """Makes the standard streams of this process usable, whatever it was started with.

    A closed one leads nowhere, as /dev/null. No character is an error. A failure to write on stdout is an OSError that
    names stdout; one on stderr is ignored, since there is nowhere to tell it.

    Returns:
        The numbers of the streams that were closed.
    """
    closed = frozenset(number for number in (_STDIN, _STDOUT, _STDERR) if _is_closed(number))
    for _ in closed:  # each takes the lowest free number
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error("fairwave", _in_plain)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(_STDIN, closefd=False), encoding="utf-8")
    sys.stdout, sys.stderr = _mended(_STDOUT, sys.stdout), _mended(_STDERR, sys.stderr)
    return closed


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


class _Stream(io.FileIO):
    """Writes on stdout or stderr; after the first failure what follows leads nowhere."""

    def write(self, data: object, /) -> int:
        """Writes bytes.

        Raises:
            OSError: stdout cannot be written.
        """
        number = self.fileno()
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
            if number == _STDERR:
                return super().write(data)  # type: ignore[arg-type]
            error.filename = "stdout"
            raise


def _mended(number: int, before: TextIO | None) -> TextIO:
    encoding = "utf-8" if before is None else before.encoding
    raw = io.BufferedWriter(_Stream(number, "w", closefd=False))
    at_once = number == _STDERR or raw.isatty()
    return io.TextIOWrapper(raw, encoding=encoding, errors="fairwave", line_buffering=at_once)


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """Replaces one character that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    return _PLAIN.get(character, ascii(character)[1:-1]), error.start + 1


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Prints each different warning of the block once, in one line on stderr, with its place if it is a library's."""
    printed: set[str] = set()

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
        text = f"{message}{place}"
        if text not in printed:
            printed.add(text)
            warn(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def stdout_to_stderr(wanted: bool = True) -> Iterator[None]:
    """Sends what plug-ins and libraries print on stdout while the block runs to stderr, from Python and from C."""
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


@contextmanager
def kept_in(folder: str) -> Iterator[None]:
    """Reports where the results of a run are when printing them fails."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ScenarioError(f"{message_of(error)}; the results are whole in {folder}") from None
