"""Makes one measurement of ``fairwave bench``, in a process of its own: time, memory, counts, copy bandwidth."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from allocators.registry import resolve
from mac.core.contracts import HasBackend
from mac.core.loop import Span, run
from phy.numerics.jit import SWITCH
from phy.random import Drops

from .. import families
from ..config.loading import load
from ..families.workload import RepeatableWorkload, Workload
from .case import BenchCase, as_scenario, workload_of
from .isolated_process import wait_for_others
from .operation_counts import Counts, count, stretch

_WINDOWS = 5  # timed; the median counts
_WINDOW_S = 0.6  # length of each, about
_WARMUP_SLOTS = 20
_DISTINCT = 64  # drops of a batch that are drawn; larger batches repeat them, which takes the loop just as long
_STATUS = Path("/proc/self/status")
_COPIES = 9  # timed; the median counts
_COPY_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}  # far more than caches hold


def measure(case: BenchCase) -> dict[str, Any]:
    """Measures in this process; returns a row with exactly the keys that every row of the workload has.

    Raises:
        MemoryError: of the machine or the GPU.
    """
    try:
        return _measure(case)
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None


def _measure(case: BenchCase) -> dict[str, Any]:
    options, workload = case.options, workload_of(case)
    device = options.device
    use_threads(options.threads)
    if options.compiled is False:
        os.environ[SWITCH] = "0"
    began = time.perf_counter()
    problem, allocator = prepare(workload, case, options.distinct or _DISTINCT)
    setup_s = time.perf_counter() - began
    wait_for_others(case, "ready")  # windows of about a length take about as many steps while the others are at it, too
    steps, window_s = 10, options.window_s or _WINDOW_S
    for _ in range(2):  # what is prepared for many steps makes the first few take longer
        steps = max(10, int(window_s * steps / _window_seconds(problem, allocator, steps, device)))
    unit = stretch(problem)[0]  # all that is prepared at once has its share in a window
    steps = unit * max(1, round(steps / unit))
    wait_for_others(case, "set")
    rate = steps * case.drops / _window_seconds(problem, allocator, steps, device)
    compiled, peak_bytes = is_compiled(problem), peak_memory(device)  # before counting and copying, which take some too
    wait_for_others(case, "timed")
    (counts,) = count(problem, allocator)
    wait_for_others(case, "counted")
    return {
        "workload": case.workload,
        "mode": case.mode,
        "compiled": compiled,
        **workload.sizes(),
        "drops": case.drops,
        "threads": torch.get_num_threads(),
        "workers": options.workers,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        workload.rate: round(rate, 1),
        **workload.more(rate),
        **_roofline(workload, counts, rate, case.drops, copy_bandwidth(device)),
        "peak_memory_bytes": peak_bytes,
        "setup_s": round(setup_s, 3),
    }


def prepare(workload: Workload, case: BenchCase, distinct: int = _DISTINCT) -> tuple[Any, Any]:
    """Makes problem and allocator of a measurement; of a larger batch ``distinct`` drops are drawn and repeated."""
    scenario = load(as_scenario(workload, case))
    family = families.find(scenario.family)
    drawn = distinct if isinstance(workload, RepeatableWorkload) and case.drops % distinct == 0 else case.drops
    drops = Drops(scenario.seed, tuple(range(drawn)))
    problem = family.build(scenario, drops, torch.device(case.options.device), torch.float32)
    if drawn < case.drops and isinstance(workload, RepeatableWorkload):
        problem = workload.repeated(problem, case.drops // drawn)
    return problem, resolve(scenario.allocators[0].name, family.allocator_family)


def use_threads(asked: int | None) -> None:
    """Sets the threads on a CPU; left open, to what OMP_NUM_THREADS says, or one, as in a run."""
    if asked is not None or not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(asked or 1)


def is_compiled(problem: Any) -> bool:
    """Returns whether the slots of a problem are compiled."""
    return isinstance(problem, HasBackend) and problem.backend != "torch"


def copy_bandwidth(device: str) -> float:
    """Measures the bytes a second, read and written, of a copy far larger than caches."""
    size = _COPY_BYTES[device]
    if device == "cuda":
        size = min(size, int(torch.cuda.mem_get_info()[0]) // 4)
    source = torch.ones(size // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * size / statistics.median(_seconds(lambda: target.copy_(source), device) for _ in range(_COPIES))


def peak_memory(device: str) -> int:
    """Returns the most memory that this process has held so far, in bytes.

    Of the kernel where it tells: what ``getrusage`` says begins with the peak of the process that started this one.
    """
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    if _STATUS.exists():
        told = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        if "VmHWM" in told:
            return 1024 * int(told["VmHWM"].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def window_ends(problem: Any, allocator: Any, span: Span, device: str) -> list[float]:
    """Runs a problem and returns when each window ended, in seconds."""
    ends: list[float] = []

    def note(_: int) -> None:
        _wait(device)
        ends.append(time.perf_counter())

    run(problem, allocator, span, progress=note)
    return ends


def _window_seconds(problem: Any, allocator: Any, slots: int, device: str) -> float:
    """Measures the median time of a window of so many slots."""
    span = Span(intervals=slots * (_WINDOWS + 1), warmup=_WARMUP_SLOTS, window=slots)
    ends = window_ends(problem, allocator, span, device)
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def _roofline(workload: Workload, counts: Counts, rate: float, drops: int, bandwidth: float) -> dict[str, float]:
    """Computes operations and bytes of a step, and the share of the bandwidth that they make at this rate."""
    step, part = workload.words
    moved = counts.moved_bytes / counts.slots / drops / workload.parts
    return {
        f"operations_per_{step}": round(counts.operations / counts.slots, 1),
        f"host_syncs_per_{step}": round(counts.host_syncs / counts.slots, 2),
        f"bytes_per_{part}": round(moved, 1),
        "copy_bytes_per_s": round(bandwidth),
        "share_of_copy": round(moved * workload.parts * rate / bandwidth, 4),
    }


def _seconds(work: Callable[[], object], device: str) -> float:
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
