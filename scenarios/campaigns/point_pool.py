"""Runs the points of a sweep through one pool of workers, or one cluster: a batch of any point goes to any worker."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import is_user_error, message_of
from ..results.read_files import watching_files
from ..results.run_folder import probe
from ..running.entrants import contents_kept, entrants_of
from ..running.executors.dispatch import Job, computed
from ..running.executors.local import local_processes
from ..running.interrupts import Interrupts
from ..running.options import RunOptions
from ..running.prepared_run import PreparedRun, prepared
from ..running.run import complete
from ..running.worker_pickling import pickled_batches
from .claimed_points import CheckedPoint

if TYPE_CHECKING:
    from ..running.worker import BatchResult


@dataclass
class _OpenPoint:
    """Holds a point whose batches are being computed."""

    label: str
    run: PreparedRun
    options: RunOptions
    began: float
    left: int  # batches that have not come back
    error: str = ""


class PointPool:
    """Runs points whose batches flow through one executor.

    Attributes:
        failed: label of a point -> why its run failed.
    """

    def __init__(self, folder: Path, things: Sequence[object | None], options: RunOptions, total: int) -> None:
        self.folder, self.things, self.options, self.total = folder, things, options, total
        self.failed: dict[str, str] = {}
        self.ended = 0  # points

    def run(self, points: Iterator[CheckedPoint | None], workers: int, ctrl_c: Interrupts) -> None:
        """Runs points as they come; a batch that fails ends its point alone.

        Raises:
            ScenarioError: the folder cannot be written, or the cluster cannot compute.
        """
        remote = self.options.remote
        with nullcontext(remote) if remote is not None else local_processes(workers) as executor:
            for job, result in computed(executor, self._jobs(points), self._advance):
                ctrl_c.check()
                with ctrl_c.shield():
                    self._store(job.of, result)

    def count_done(self, point: CheckedPoint) -> None:
        """Counts a point that another coordinator has done."""
        self.ended += 1
        self._advance(point.drop_intervals)

    def _advance(self, count: int) -> None:
        assert self.options.advance is not None
        self.options.advance(count, f"{self.ended} of {self.total} points done")

    def _jobs(self, points: Iterator[CheckedPoint | None]) -> Iterator[Job[_OpenPoint] | None]:
        for point in points:
            if point is None:
                yield None
                continue
            try:
                opened, jobs = self._open(point)
            except Exception as error:
                self._fail(point.stored.point.label, error)
                continue
            for job in jobs:
                if opened.error:
                    break  # what is submitted of it comes back, and is kept
                yield job

    def _open(self, point: CheckedPoint) -> tuple[_OpenPoint, list[Job[_OpenPoint]]]:
        """Finds what is missing of a point, and pickles it."""
        entrants = entrants_of(point.scenario, self.things)
        options = replace(self.options, out=point.stored.folder, resume=True, plots=False, claimed=True)
        began = time.perf_counter()
        with contents_kept(entrants), watching_files(anew=True), prepared(point.plan, entrants, options) as run:
            todo = run.todo()
            opened = _OpenPoint(point.stored.point.label, run, options, began, len(todo))
            pickled = pickled_batches(point.plan, todo, run.modules)
        self._advance(point.drop_intervals - sum(batch.drop_intervals for batch in todo))
        if not todo:
            self._end(opened)
        return opened, [Job(opened, batch, text) for batch, text in zip(todo, pickled, strict=True)]

    def _store(self, opened: _OpenPoint, result: BatchResult) -> None:
        opened.left -= 1
        try:
            opened.run.write(result.pieces, result.metrics)
            if result.error is not None:
                raise result.error
            if not opened.left and not opened.error:
                self._end(opened)
        except Exception as error:
            opened.error = self._fail(opened.label, error)

    def _end(self, opened: _OpenPoint) -> None:
        complete(opened.run, opened.options, opened.began)
        self.ended += 1

    def _fail(self, label: str, error: Exception) -> str:
        """Records why a point failed; what would fail every other point, too, stops the sweep."""
        probe(self.folder)
        text = message_of(error) if is_user_error(error) else f"{type(error).__name__}: {error}"
        return self.failed.setdefault(label, text)
