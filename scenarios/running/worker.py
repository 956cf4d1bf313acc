"""Runs batches in a worker process."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mac.core.allocator_guard import default_settings

from ..results.drop_metrics import DropMetrics, metrics_before_writing
from .batch import Piece, run_batch, threads
from .worker_pickling import unpickled_batch
from .worker_warnings import RecordedWarning, recorded


@dataclass(frozen=True)
class BatchResult:
    """Holds what a batch came to: all its pieces, or those before an error.

    Attributes:
        pieces: windows.
        warnings: that it caused.
        error: that it ended with.
        metrics: of each piece, as far as they are computed there.
    """

    pieces: Sequence[Piece]
    warnings: Sequence[RecordedWarning]
    error: Exception | None
    metrics: Sequence[DropMetrics | None] = ()


def run_pickled_batch(pickle_of_batch: bytes, counts: Path | None = None, number: int = 0) -> BatchResult:
    """Runs a batch.

    Args:
        pickle_of_batch: the batch, from :func:`scenarios.running.worker_pickling.pickled_batches`.
        counts: file of int64, one a batch, for the drop-intervals that are done; None: they are not counted.
        number: of the batch.
    """
    pieces: list[Piece] = []
    count = np.zeros(number + 1, np.int64) if counts is None else np.memmap(counts, np.int64, "r+")

    def advance(done: int, _: str) -> None:
        count[number] += done

    error, metrics = None, list[DropMetrics | None]()
    with recorded() as told:
        try:
            plan, batch = unpickled_batch(pickle_of_batch)
            with default_settings(), threads(plan.device):
                pieces.extend(run_batch(plan, batch, advance))  # those before an error stay
                metrics += [metrics_before_writing(windows, plan.scenario, plan.family) for _, windows in pieces]
        except Exception as failure:
            error = _portable(failure)
    sys.stdout.flush()  # what plug-ins print: a worker is killed in the end
    return BatchResult(pieces, told, error, metrics)


def _portable(error: Exception) -> Exception:
    """Makes an error that the run can raise, with the place where it arose as a note."""
    error.add_note(f"In a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of a class that cannot be pickled, or not be made again from its text
        kind = ValueError if isinstance(error, ValueError | OSError) else RuntimeError
        return kind(str(error))
    return error
