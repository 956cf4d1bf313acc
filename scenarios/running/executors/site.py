"""Describes what batches are computed on, as far as a plan depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """Describes the workers that a plan cuts batches for.

    Attributes:
        workers: batches that are computed at the same time.
        device: "cpu" or "cuda" of these workers; None: what this process has.
        device_name: of that device, as :func:`scenarios.results.provenance.device_name` writes it.
        free_bytes: of one worker's device, for one batch; None: this machine's memory is shared out among them.
    """

    workers: int = 1
    device: str | None = None
    device_name: str | None = None
    free_bytes: int | None = None
