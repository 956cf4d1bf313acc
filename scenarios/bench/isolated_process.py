"""Makes measurements in processes of their own, one or several at the same time."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from ..families.workload import Workload
from ..running.worker_pool import pool, submit
from ..running.worker_warnings import RecordedWarning, recorded, warn_again
from .case import BenchCase, workload_of

_KNOWN: set[RecordedWarning] = set()  # what measurements have warned of so far
_LOOK_S = 1e-3  # between two looks whether the others have come


def measure_alone(function: Callable[[BenchCase], dict[str, Any]], case: BenchCase) -> dict[str, Any] | None:
    """Measures a row in a process of its own, or adds it up over several; None with a warning where memory ran out.

    Args:
        function: run in every process, with the case; may :func:`meet` the others.
        case: what is measured.
    """
    workers = case.options.workers
    with pool(workers) as (executor, folder):
        own = replace(case, meeting=folder) if workers > 1 else case
        futures = submit(executor, _recorded, [(function, own)] * workers)
        try:
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)  # the others would wait for the one that failed
            found = [future.result() for future in sorted(ended, key=lambda future: future.exception() is None)]
        except MemoryError:
            warnings.warn(f"{case.workload}: memory ran out with {_drops(case)} side by side", stacklevel=2)
            return None
        except BrokenProcessPool:
            warnings.warn(
                f"{case.workload}: the process of {_drops(case)} side by side died, as it does where the system has no "
                "memory left for it",
                stacklevel=2,
            )
            return None
    for _, told in found:
        warn_again(told, _KNOWN)
    rows = [row for row, _ in found]
    return rows[0] if workers == 1 else _added_up(rows, workload_of(case))


def _recorded(
    function: Callable[[BenchCase], dict[str, Any]], case: BenchCase
) -> tuple[dict[str, Any], list[RecordedWarning]]:
    """Measures in a process of its own; returns the row, and what was warned of on the way."""
    with recorded() as told:
        row = function(case)
    return row, told


def wait_for_others(case: BenchCase, point: str) -> None:
    """Waits until all processes of a measurement have come to this point."""
    if case.meeting is None:
        return
    (case.meeting / f"{point}-{os.getpid()}").touch()
    while len(list(case.meeting.glob(f"{point}-*"))) < case.options.workers:
        time.sleep(_LOOK_S)


def _added_up(rows: Sequence[dict[str, Any]], workload: Workload) -> dict[str, Any]:
    """Joins what several processes did at the same time to one row: rates, bandwidths and memory of all together."""
    rate = sum(row[workload.rate] for row in rows)
    bandwidth = sum(row["copy_bytes_per_s"] for row in rows)
    return {
        **rows[0],
        workload.rate: round(rate, 1),
        **workload.more(rate),
        "copy_bytes_per_s": bandwidth,
        "share_of_copy": round(sum(row["share_of_copy"] * row["copy_bytes_per_s"] for row in rows) / bandwidth, 4),
        "peak_memory_bytes": sum(row["peak_memory_bytes"] for row in rows),
        "setup_s": max(row["setup_s"] for row in rows),
    }


def _drops(case: BenchCase) -> str:
    workers = case.options.workers
    return f"{case.drops} drops" + (f" in each of {workers} workers" if workers > 1 else "")
