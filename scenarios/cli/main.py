"""Starts the command ``fairwave``; imports little, so that Ctrl-C is handled from the first moment on."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing has it, whose import takes long
if TYPE_CHECKING:
    from .commands import app as app


def main() -> None:
    """Runs the command; Ctrl-C ends it with status 130 while modules are imported, and prints nothing once over."""
    try:
        from ..running.interrupts import record_interrupts

        record_interrupts()  # one that an import swallows stops the run nevertheless
        _mend_streams()
        from .commands import app

        app()
    except KeyboardInterrupt:
        _no_more_interrupts()
        sys.stderr.write("error: interrupted\n")
        raise SystemExit(130) from None
    except OSError as error:
        if error.filename != "stdout":  # as mend_streams names it
            raise
        sys.stderr.write(f"error: stdout: {error.strerror}\n")
        raise SystemExit(2) from None
    finally:
        _no_more_interrupts()


def _mend_streams() -> None:
    """Makes stdout and stderr usable.

    Raises:
        SystemExit: a document is asked for on stdout, which is closed.
    """
    from .stdio import mend_streams

    if 1 in mend_streams() and "--json" in sys.argv:
        sys.stderr.write("error: --json prints a document on stdout, which is closed; open it, or leave --json out\n")
        raise SystemExit(2)


def _no_more_interrupts() -> None:
    from ..running.interrupts import ignore_interrupts

    ignore_interrupts()


def __getattr__(name: str) -> object:
    """Returns the typer application ``app``, imported when it is asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .commands import app

    return app
