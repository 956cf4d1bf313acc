"""Runs the batches of a plan in several processes.

A slot of a small network gains nothing from a second thread; a second process runs another batch. Workers get pickled
batches and hand back windows; files are written by the run alone. The processes are those of loky, which need no
``if __name__ == "__main__"`` in a script and know the classes of notebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ScenarioError
from .batch import Batch, Piece
from .worker import BatchResult, run_pickled_batch
from .worker_pickling import pickled_batches
from .worker_pool import pool, submit
from .worker_warnings import RecordedWarning, warn_again

if TYPE_CHECKING:
    from .plan import Plan
    from .progress import Advance

_LOOK_S = 0.1  # between two looks at how far the workers are, and whether Ctrl-C was pressed


@contextmanager
def run_in_workers(plan: Plan, todo: Sequence[Batch], advance: Advance) -> Iterator[Iterator[Piece]]:
    """Runs batches in the plan's number of workers, or fewer where there are fewer batches.

    Args:
        plan: of the whole run.
        todo: what is to be done.
        advance: told how far the workers are, while the pieces are waited for.

    Yields:
        what :func:`scenarios.running.batch.run_batch` gives for each batch, in the order in which batches end.

    Raises:
        ScenarioError: an allocator cannot be sent to a worker, or a worker died; and what a batch itself raises.
    """
    pickled = pickled_batches(plan, todo)
    workers = min(plan.workers, len(todo))
    with pool(workers) as (executor, folder):
        file = folder / "drop-intervals"  # done, of each batch
        counts = np.memmap(file, np.int64, "w+", shape=(len(todo),))
        batches = [(pickle_of_batch, file, number) for number, pickle_of_batch in enumerate(pickled)]
        yield _collected(
            submit(executor, run_pickled_batch, batches), counts, lambda count: advance(count, f"{workers} workers")
        )


def _collected(waiting: set[Future[BatchResult]], counts: Any, advance: Callable[[int], None]) -> Iterator[Piece]:
    """Yields pieces as they come; collects the warnings that came with them, each once."""
    before, known = 0, set[RecordedWarning]()
    while waiting:
        ended, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
        so_far = int(counts.sum())
        advance(so_far - before)
        before = so_far
        for future in ended:
            done = _result(future)
            warn_again(done.warnings, known)
            yield from done.pieces
            if done.error is not None:
                raise done.error


def _result(future: Future[BatchResult]) -> BatchResult:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ScenarioError(
            "a worker process died: it was killed, or the system had no memory left for it; take fewer workers or "
            "fewer drops side by side (drops_per_batch), and --resume to keep what is done"
        ) from None
