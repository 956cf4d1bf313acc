"""Handles Ctrl-C while a run goes on: never lost, and never in the middle of a file.

Python raises KeyboardInterrupt wherever it happens to be. In a finaliser, such as those of HDF5's objects, it is only
printed and the run would go on; in a callback of HDF5 it comes out as a failed write.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Records whether Ctrl-C was pressed, and whether that has to wait."""

    def __init__(self) -> None:
        self.asked = False
        self._shielded = False

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed at any time before."""
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Delays Ctrl-C until the block is over; a second one stops at once."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        self.check()

    def handle(self, _: int, __: FrameType | None) -> None:
        """Handles SIGINT."""
        waits, self.asked = self._shielded and not self.asked, True
        if not waits:
            raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handles Ctrl-C while the block runs; if it was pressed, the block ends with KeyboardInterrupt.

    Signals belong to the main thread, and a handler that other code has set stays: there Python's own ways hold.
    """
    before = signal.getsignal(signal.SIGINT)
    early = getattr(before, "__self__", None)  # the command line watches from its first moment on
    watch = early if isinstance(early, Interrupts) else Interrupts()
    mine = threading.current_thread() is threading.main_thread()
    if not mine or not (watch is early or before is signal.default_int_handler):
        yield watch
        return
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if issubclass(lost.exc_type, KeyboardInterrupt) else hook(lost)
    signal.signal(signal.SIGINT, watch.handle)
    try:
        yield watch
    except Exception:
        watch.check()
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = hook
    watch.check()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Keeps Ctrl-C from this thread until the block is over; a process that begins meanwhile never gets one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def record_interrupts() -> None:
    """Records every Ctrl-C of this process, for :func:`interrupts`, unless another handler is set."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, Interrupts().handle)


def ignore_interrupts() -> None:
    """Keeps further Ctrl-C from a process whose exit is decided: it would only end in a traceback."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
