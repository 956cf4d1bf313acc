"""Defines how a run is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..results.store import Store
from .executors.executor import Executor
from .executors.options import ExecutorOptions
from .progress import Advance

MOST_DROPS = 1000
"""Drops of ``--until``, at most, where no ceiling is given."""


@dataclass(frozen=True)
class RunOptions:
    """Describes how a run is carried out; none of it changes a result."""

    out: str | Path | None = None
    resume: bool = False
    progress: bool = True
    plots: bool = True
    workers: int | None = None  # left out: 1 here, all processors of other machines
    command: str | None = None  # as typed, for the run's meta.json
    advance: Advance | None = None  # told of progress in place of a bar of the run's own
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)
    remote: Executor | None = None  # an open one
    store: Store | None = None  # that ``out`` is a copy of
    claimed: bool = False  # the whole run is this coordinator's already
