"""Measures what a step costs for each user, node and so on as scenarios grow: ``fairwave bench --scaling``."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from .. import families
from ..config.loading import load
from ..errors import ScenarioError
from ..families.workload import ScalingWorkload
from ..running import memory
from .bench import require
from .case import BenchCase, BenchOptions, as_scenario, scaling_workloads
from .isolated_process import measure_alone

BATCHES = (1, 8, 64, 512)
_STEPS = 200  # of a window; of slots, those whose SINR at full load is prepared at once
_WINDOWS = 5  # timed at most; the median counts
_ENOUGH_S = 3.0  # of windows
_DISTINCT = 2  # drops that are drawn; larger batches repeat them


def scaling(options: BenchOptions, progress: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """Measures a row for every one of :func:`.case.scaling_workloads` and every batch, in a process of its own.

    Keys: family, those of the workload's ``sizes``, drops, mode, the cost of a step (us_per_user_slot for users and
    slots), the workload's ``rate`` summed over drops (slots_per_s), memory_bytes that the batch added to a bare
    process, and skipped: None, or why there is nothing of the others. A workload without a mode has no rows of it.

    Args:
        options: device, mode and so on; ``drops`` for one batch alone.
        progress: told in a few words what is being measured.

    Raises:
        ScenarioError: no such device or mode, or more than one worker.
    """
    require(options)
    if options.workers > 1:
        raise ScenarioError(f"--scaling measures one process alone, given --workers {options.workers}; leave it out")
    cases = list(_cases(options))
    if not cases:
        raise ScenarioError(f"--scaling has no mode '{options.mode}'; take --mode exact")
    rows = []
    for case in cases:
        if progress:
            progress(f"{case.workload}, {case.mode}, {case.drops} drop{'s' if case.drops > 1 else ''}")
        rows.append(_row(case))
    return rows


def _cases(options: BenchOptions) -> Iterator[BenchCase]:
    """Lists what is measured: of each mode the workloads that have it."""
    batches = BATCHES if options.drops is None else (options.drops,)
    for mode in ("exact", "fast") if options.mode == "both" else (options.mode,):
        named = [name for name, one in scaling_workloads().items() if mode == "exact" or one.fast is not None]
        yield from (BenchCase(name, drops, mode, options) for name, drops in itertools.product(named, batches))


def measure(case: BenchCase) -> dict[str, float]:
    """Measures one entry of the table, in this process."""
    import torch

    from .measure import peak_memory, prepare, use_threads

    use_threads(case.options.threads)
    workload, device = scaling_workloads()[case.workload], case.options.device
    bare = peak_memory(device)
    problem, allocator = prepare(workload, case, _DISTINCT)
    try:
        seconds = _window_seconds(problem, allocator, device)
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None
    rate = _STEPS * case.drops / seconds
    return {
        _cost(workload): round(1e6 / rate / workload.sizes()[workload.scale[0]], 3),
        workload.rate: round(rate, 2),
        "memory_bytes": peak_memory(device) - bare,
    }


def _cost(workload: ScalingWorkload) -> str:
    """Names the key of the cost: microseconds of one step for one of what grows."""
    return f"us_per_{workload.scale[1]}_{workload.words[0]}"


def _row(case: BenchCase) -> dict[str, Any]:
    """Builds a row of the table, measured where it fits."""
    workload = scaling_workloads()[case.workload]
    family = as_scenario(workload, case)["family"]
    own = {"family": family, **workload.sizes(), "drops": case.drops, "mode": case.mode}
    nothing = dict.fromkeys((_cost(workload), workload.rate, "memory_bytes"))
    reason = _too_large(case)
    found = measure_alone(measure, case) if reason is None else None
    if found is None:
        return {**own, **nothing, "skipped": reason or "memory ran out"}
    return {**own, **found, "skipped": None}


def _too_large(case: BenchCase) -> str | None:
    """Says why memory has no room for a batch; None where it has."""
    scenario = load(as_scenario(scaling_workloads()[case.workload], case))
    device = case.options.device
    need, free = families.find(scenario.family).estimate_bytes(scenario, case.drops), memory.available_bytes(device)
    if need <= memory.SHARE * free:
        return None
    room = memory.human_bytes(memory.SHARE * free)
    return f"needs about {memory.human_bytes(need)}, and {room} may be planned with on the {device}"


def _window_seconds(problem: Any, allocator: Any, device: str) -> float:
    """Measures the median time of a window, of as many as the time allows."""
    from mac.core.loop import Span

    from .measure import window_ends

    before, after = window_ends(problem, allocator, Span(intervals=2 * _STEPS, window=_STEPS), device)
    more = min(_WINDOWS, int(_ENOUGH_S / (after - before)))
    if more < 2:  # a window this long is its own median
        return after - before
    ends = window_ends(problem, allocator, Span(intervals=(more + 1) * _STEPS, window=_STEPS), device)
    return statistics.median(end - begin for begin, end in itertools.pairwise(ends))
