"""Entry point of the command ``fairwave``: small, so that Ctrl-C is understood from the first moment on."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing has it, whose import takes long
if TYPE_CHECKING:
    from .commands import app as app


def main() -> None:
    """Run the command; Ctrl-C ends it with status 130 while modules are still imported, and says nothing once over."""
    try:
        from .interrupts import watch_from_now_on

        watch_from_now_on()  # one that an import swallows stops the run nevertheless
        from .commands import app

        app()
    except KeyboardInterrupt:
        _no_more_interrupts()
        sys.stderr.write("error: interrupted\n")
        raise SystemExit(130) from None
    finally:
        _no_more_interrupts()


def _no_more_interrupts() -> None:
    from .interrupts import ignore_from_now_on

    ignore_from_now_on()


def __getattr__(name: str) -> object:
    """The typer application ``app``, imported when it is asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .commands import app

    return app
