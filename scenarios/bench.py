"""How fast the loop is: the very loop of a run, on fixed workloads.

Every measurement has a process of its own, so that its peak memory is its own too. What is timed is everything that a
run does in a slot: fading that is new in every slot on every PRB, channel reports, the scheduler, the check of its
decision, link adaptation, HARQ, queues, and the record; or in a round of a sensor field: the election of heads, packets
up the tree, the ledger, batteries, and the record.
"""

from __future__ import annotations

import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from .errors import ScenarioError, did_you_mean
from .workloads import WORKLOADS, Workload

_WINDOWS = 5  # timed; the median counts
_WINDOW_S = 0.6  # length of each, about
_WARMUP_SLOTS = 20


CUDA_BATCHES = (1, 64, 512)


def bench(
    workloads: Sequence[str],
    device: str = "cpu",
    drops: int | None = None,
    allocator: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Measure workloads; for each a row of one drop, and one of the batch of drops that does most a second.

    Slots of a batch are summed over its drops. There is one row where ``drops`` is given or one drop alone is fastest.

    Args:
        workloads: names of :data:`WORKLOADS`.
        device: "cpu", or "cuda" for the GPU.
        drops: this batch and no other.
        allocator: in the loop; left out, the workload's own.
        progress: told in a few words what is being measured.

    Raises:
        ScenarioError: no such workload or device, or less than one drop.
    """
    for name in workloads:
        if name not in WORKLOADS:
            raise ScenarioError(f"unknown workload '{name}'{did_you_mean(name, WORKLOADS)}")
    if drops is not None and drops < 1:
        raise ScenarioError(f"--drops must be 1 or more, given {drops}")
    _require_device(device)
    return [row for name in workloads for row in _rows(name, device, drops, allocator, progress)]


def _rows(
    name: str, device: str, drops: int | None, allocator: str | None, progress: Callable[[str], None] | None
) -> list[dict[str, Any]]:
    batches = (drops,) if drops is not None else WORKLOADS[name].batches if device == "cpu" else CUDA_BATCHES
    rows = []
    for batch in batches:
        if progress:
            progress(f"{name}, {batch} drop{'s' if batch > 1 else ''}")
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(measure, name, batch, device, allocator).result())
    best = max(rows, key=lambda row: float(row[WORKLOADS[name].rate]))
    return [row for row in rows if row["drops"] == 1 or row is best]


def _require_device(device: str) -> None:
    if device not in ("cpu", "cuda"):
        raise ScenarioError(f"--device must be cpu or cuda, given '{device}'")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ScenarioError("device 'cuda' was asked for, but torch finds no GPU here; take --device cpu")


def measure(name: str, drops: int, device: str, allocator: str | None = None) -> dict[str, Any]:
    """One measurement in this process."""
    import torch

    began = time.perf_counter()
    workload = WORKLOADS[name]
    problem, decider = _prepare(workload, drops, device, allocator or workload.allocator)
    setup_s = time.perf_counter() - began
    steps = max(10, int(_WINDOW_S * 10 / _window_seconds(problem, decider, 10, device)))
    rate = steps * drops / _window_seconds(problem, decider, steps, device)
    return {
        "workload": name,
        **workload.sizes(),
        "drops": drops,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        workload.rate: round(rate, 1),
        **workload.more(rate),
        "peak_memory_bytes": _peak_bytes(device),
        "setup_s": round(setup_s, 3),
    }


def _window_seconds(problem: Any, allocator: Any, slots: int, device: str) -> float:
    """Median time of a window of so many slots."""
    import torch

    from mac.loop import Span, run

    ends: list[float] = []

    def note(_: int) -> None:
        if device == "cuda":
            torch.cuda.synchronize()
        ends.append(time.perf_counter())

    run(problem, allocator, Span(intervals=slots * (_WINDOWS + 1), warmup=_WARMUP_SLOTS, window=slots), progress=note)
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def _prepare(workload: Workload, drops: int, device: str, allocator: str) -> tuple[Any, Any]:
    import torch

    from allocators.registry import resolve
    from phy.random import Drops

    from . import families
    from .loading import load

    scenario = load(workload.scenario(allocator, drops))
    family = families.find(scenario.family)
    problem = family.build(scenario, Drops(scenario.seed, tuple(range(drops))), torch.device(device), torch.float32)
    return problem, resolve(allocator, family.allocator_family)


def _peak_bytes(device: str) -> int:
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
