"""Computes batches in processes of this machine.

A slot of a small network gains nothing from a second thread; a second process runs another batch. The processes are
those of loky, which need no ``if __name__ == "__main__"`` in a script and know the classes of notebooks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..worker import BatchResult, run_pickled_batch
from ..worker_pool import pool, submit
from .executor import LostBatchError, Ticket
from .site import Site


class LocalExecutor:
    """Computes batches in so many processes, which start with the first batch and again after one of them died."""

    fate_shared = True  # loky gives all of them up

    def __init__(self, workers: int) -> None:
        self.site, self.depth = Site(workers), 2 * workers
        self._stack = ExitStack()
        self._processes: tuple[Any, Any] | None = None
        self._counts: Any = np.zeros(0, np.int64)  # drop-intervals done, of each submitted batch
        self._slots: dict[Future[BatchResult], int] = {}

    def submit(self, batch: bytes, /) -> Ticket:
        """Submits a batch."""
        processes, folder = self._processes or self._start()
        slot = min(set(range(self.depth)) - set(self._slots.values()))
        self._counts[slot] = 0
        (future,) = submit(processes, run_pickled_batch, [(batch, folder / "drop-intervals", slot)])
        self._slots[future] = slot
        return future

    def ended(self, tickets: Collection[Ticket], wait_s: float, /) -> Collection[Ticket]:
        """Waits for the first of these batches that ends, and returns all that have ended."""
        return [*wait([future for future in self._slots if future in tickets], wait_s, FIRST_COMPLETED).done]

    def result(self, ticket: Ticket, /) -> BatchResult:
        """Returns what a batch came to.

        Raises:
            LostBatchError: a process died.
        """
        future = next(one for one in self._slots if one is ticket)
        slot = self._slots.pop(future)
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError):
            self.close()
            raise LostBatchError("a process of this machine") from None
        finally:
            self._counts[slot] = 0

    def progress(self) -> int:
        """Counts drop-intervals of the batches that have not ended."""
        return int(self._counts.sum())

    def cancel(self, tickets: Collection[Ticket], /) -> None:
        """Ends the processes if there is anything that is no longer wanted."""
        if tickets:
            self.close()
            self._slots.clear()

    def close(self) -> None:
        """Ends the processes; the next batch starts new ones."""
        self._stack.close()
        self._processes = None

    def _start(self) -> tuple[Any, Any]:
        self._processes = self._stack.enter_context(pool(self.site.workers))
        file = self._processes[1] / "drop-intervals"
        self._counts = np.memmap(file, np.int64, "w+", shape=(self.depth,))
        return self._processes


@contextmanager
def local_processes(workers: int) -> Iterator[LocalExecutor]:
    """Makes an executor, whose processes end with the block."""
    executor = LocalExecutor(workers)
    try:
        yield executor
    finally:
        executor.close()
