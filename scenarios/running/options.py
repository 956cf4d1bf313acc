"""Defines how a run is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .progress import Advance


@dataclass(frozen=True)
class RunOptions:
    """Describes how a run is carried out; none of it changes a result."""

    out: str | Path | None = None
    resume: bool = False
    progress: bool = True
    plots: bool = True
    workers: int = 1
    command: str | None = None  # as typed, for the run's meta.json
    advance: Advance | None = None  # told of progress in place of a bar of the run's own
