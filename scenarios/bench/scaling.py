"""Measures what a slot costs for each user as networks and batches grow: ``fairwave bench --scaling``."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable
from typing import Any

from .. import families
from ..config.loading import load
from ..errors import ScenarioError
from ..running import memory
from .bench import require
from .case import Case, Options, as_scenario, scaling_workloads, workload_of
from .isolated_process import measure_alone

BATCHES = (1, 8, 64, 512)
_SLOTS = 10  # of a window: those whose fading is prepared at once
_WINDOWS = 5  # timed at most; the median counts
_ENOUGH_S = 3.0  # of windows
_DISTINCT = 2  # drops that are drawn; larger batches repeat them


def scaling(options: Options, progress: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """Measures a row for every network of :func:`.case.scaling_workloads` and every batch, in a process of its own.

    Keys: users, cells, prbs, drops, mode, us_per_user_slot, slots_per_s summed over drops, memory_bytes that the batch
    added to a bare process, and skipped: None, or why there is nothing of the others.

    Args:
        options: device, mode and so on; ``drops`` for one batch alone.
        progress: told in a few words what is being measured.

    Raises:
        ScenarioError: no such device or mode, or more than one worker.
    """
    require(options)
    if options.workers > 1:
        raise ScenarioError(f"--scaling measures one process alone, given --workers {options.workers}; leave it out")
    scales = scaling_workloads()
    offered = [
        mode for mode in ("exact", "fast") if mode == "exact" or all(one.fast is not None for one in scales.values())
    ]
    if options.mode not in (*offered, "both"):
        raise ScenarioError(f"--scaling has no mode '{options.mode}'; take --mode exact")
    modes = offered if options.mode == "both" else [options.mode]
    batches = BATCHES if options.drops is None else (options.drops,)
    rows = []
    for mode, name, drops in itertools.product(modes, scales, batches):
        if progress:
            progress(f"{scales[name].sizes()['users']} users, {mode}, {drops} drop{'s' if drops > 1 else ''}")
        rows.append(_row(Case(name, drops, mode, options)))
    return rows


def measure(case: Case) -> dict[str, float]:
    """Measures one entry of the table, in this process."""
    import torch

    from .measure import peak_memory, prepare, use_threads

    use_threads(case.options.threads)
    workload, device = workload_of(case), case.options.device
    bare = peak_memory(device)
    problem, allocator = prepare(workload, case, _DISTINCT)
    try:
        seconds = _window_seconds(problem, allocator, device)
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None
    rate = _SLOTS * case.drops / seconds
    return {
        "us_per_user_slot": round(1e6 / rate / workload.sizes()["users"], 3),
        "slots_per_s": round(rate, 2),
        "memory_bytes": peak_memory(device) - bare,
    }


def _row(case: Case) -> dict[str, Any]:
    """Builds a row of the table, measured where it fits."""
    workload = workload_of(case)
    own = {**workload.sizes(), "drops": case.drops, "mode": case.mode}
    nothing = dict.fromkeys(("us_per_user_slot", "slots_per_s", "memory_bytes"))
    reason = _too_large(case)
    found = measure_alone(measure, case) if reason is None else None
    if found is None:
        return {**own, **nothing, "skipped": reason or "memory ran out"}
    return {**own, **found, "skipped": None}


def _too_large(case: Case) -> str | None:
    """Says why memory has no room for a batch; None where it has."""
    scenario = load(as_scenario(workload_of(case), case))
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

    before, after = window_ends(problem, allocator, Span(intervals=2 * _SLOTS, window=_SLOTS), device)
    more = min(_WINDOWS, int(_ENOUGH_S / (after - before)))
    if more < 2:  # a window this long is its own median
        return after - before
    ends = window_ends(problem, allocator, Span(intervals=(more + 1) * _SLOTS, window=_SLOTS), device)
    return statistics.median(end - begin for begin, end in itertools.pairwise(ends))
