"""Runs worker processes of this process, which never outlive it, whichever way it ends."""

from __future__ import annotations

import multiprocessing.resource_tracker
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from ..errors import ScenarioError
from .interrupts import interrupts_blocked

T = TypeVar("T")

_EACH = 4  # processes or threads of a processor, at most
_PARENT_S = 1.0  # between two looks whether the parent is still there
_ENVIRONMENT = {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}  # else loky restarts workers that keep caches, with a warning


def require_not_too_many(name: str, count: int) -> None:
    """Refuses so many processes or threads that they could only be in each other's way, or take all that there are.

    Args:
        name: of what is counted, as it was given.
        count: how many.

    Raises:
        ScenarioError: more than four a processor.
    """
    processors = os.cpu_count() or 1
    most = _EACH * processors
    if count > most:
        raise ScenarioError(
            f"{name} must be at most {most}, {_EACH} for each of the {processors} processors here, given {count}; "
            "one each is best"
        )


@contextmanager
def pool(workers: int) -> Iterator[tuple[Executor, Path]]:
    """Starts processes that end with the block whatever they compute, and makes an empty folder for the same time.

    They find plug-ins where this process finds them, and Ctrl-C is not theirs to see.
    """
    from loky import ProcessPoolExecutor

    with TemporaryDirectory(prefix="fairwave-") as folder:
        start = (sys.path, os.getpid(), folder)
        executor = ProcessPoolExecutor(workers, initializer=_begin, initargs=start, env=_ENVIRONMENT)
        try:
            yield executor, Path(folder)
        finally:
            with interrupts_blocked():
                executor.shutdown(kill_workers=True)


def submit(executor: Executor, work: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> set[Future[T]]:
    """Submits ``work`` with each of these arguments."""
    multiprocessing.resource_tracker.ensure_running()  # as it starts, it would let Ctrl-C through again
    with interrupts_blocked():
        return {executor.submit(work, *each) for each in arguments}


def _begin(path: list[str], parent: int, folder: str) -> None:
    sys.path[:] = path
    threading.Thread(target=_end_with, args=(parent, folder), daemon=True).start()


def _end_with(parent: int, folder: str) -> None:
    """Ends this process when its parent is no more, even one that was killed and could not tidy up."""
    while os.getppid() == parent:
        time.sleep(_PARENT_S)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
