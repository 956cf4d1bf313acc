"""Computes the batches of one run or of many by an executor.

Executors get pickled batches and hand back windows; files are written by the coordinator alone, the process that plans
and submits. A batch that was lost with the process or machine that computed it is submitted again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ...errors import ScenarioError
from ..batch import Batch
from ..worker import BatchResult
from ..worker_warnings import RecordedWarning, warn_again
from .executor import Executor, LostBatchError, Ticket

T = TypeVar("T")

TRIES = 3
"""Times that a batch is submitted, where whatever computes it is lost each time."""
_LOOK_S = 0.1  # between two looks at how far the workers are, and whether Ctrl-C was pressed


@dataclass(frozen=True)
class Job(Generic[T]):
    """Describes a batch on its way to an executor."""

    of: T  # run that it belongs to
    batch: Batch
    pickled: bytes


def computed(
    executor: Executor, jobs: Iterator[Job[T] | None], advance: Callable[[int], None]
) -> Iterator[tuple[Job[T], BatchResult]]:
    """Computes jobs, as many at the same time as the executor takes, and yields them in the order in which they end.

    Args:
        executor: what computes them.
        jobs: made as they are needed; None where there is none at the moment, but will be.
        advance: told how many drop-intervals were done since the last call.

    Raises:
        ScenarioError: the executor cannot compute them. What a batch itself raises stands in its result.
    """
    queue = _Queue(executor, jobs)
    known, before = set[RecordedWarning](), 0
    try:
        while queue.fill():
            ended = queue.ended()
            now = queue.done + executor.progress()
            advance(max(0, now - before))
            before = max(before, now)
            for job, result in ended:
                warn_again(result.warnings, known)
                yield job, result
    finally:
        executor.cancel(queue.tickets)


class _Queue(Generic[T]):
    """Holds what an executor has to do, and submits again what it lost.

    Where all batches are lost with one worker, those that were lost are tried one at a time, so that the one that ends
    its worker is found and the others are not blamed.
    """

    def __init__(self, executor: Executor, jobs: Iterator[Job[T] | None]) -> None:
        self.executor, self.jobs = executor, jobs
        self.running: dict[Ticket, tuple[Job[T], int]] = {}
        self.lost: deque[tuple[Job[T], int]] = deque()
        self.done = 0  # drop-intervals of the batches that have ended
        self.more = True

    @property
    def tickets(self) -> Collection[Ticket]:
        """Lists what is submitted."""
        return list(self.running)

    def fill(self) -> bool:
        """Submits what the executor has room for; returns whether anything is left to be done."""
        shared, depth = self.executor.fate_shared, self.executor.depth
        while self.lost and len(self.running) < (1 if shared else depth):
            self._submit(*self.lost.popleft())
        alone = shared and any(tries > 1 for _, tries in self.running.values())
        while self.more and not self.lost and not alone and len(self.running) < depth:
            job = next(self.jobs, _END)
            if job is None:
                break
            if isinstance(job, _End):
                self.more = False
            else:
                self._submit(job, 1)
        return self.more or bool(self.running)

    def ended(self) -> list[tuple[Job[T], BatchResult]]:
        """Waits a moment for batches to end, and takes those that did."""
        if not self.running:
            time.sleep(_LOOK_S)
            return []
        found = []
        for ticket in self.executor.ended(self.tickets, _LOOK_S):
            job, tries = self.running.pop(ticket)
            try:
                result = self.executor.result(ticket)
            except LostBatchError as lost:
                if tries < TRIES:
                    self.lost.append((job, tries + 1))
                    continue
                result = BatchResult([], [], ScenarioError(_lost_text(lost)))
            self.done += job.batch.drop_intervals
            found.append((job, result))
        return found

    def _submit(self, job: Job[T], tries: int) -> None:
        self.running[self.executor.submit(job.pickled)] = (job, tries)


class _End:
    """Ends the jobs."""


_END = _End()


def _lost_text(lost: LostBatchError) -> str:
    return (
        f"a worker died {TRIES} times on the same batch ({lost}): it was killed, or the system had no memory left for "
        "it; take fewer workers or fewer drops side by side (drops_per_batch), and --resume to keep what is done"
    )
