"""Measures how fast the loop of a run is, on fixed workloads.

Every measurement has a process of its own (:mod:`scenarios.bench.measure`), so that its peak memory is its own too.
What is timed is everything that a run does in a step: of a carrier, fading that is new in every slot on every PRB,
channel reports, the allocator, the check of its decision, link adaptation, HARQ, queues, and the record. The workloads
are those that families declare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ScenarioError, did_you_mean
from ..families.workload import Workload
from ..running.worker_pool import require_not_too_many
from .case import BenchCase, BenchOptions, as_scenario, workload_of, workloads
from .environments import DROPS, environment_workloads, measure_environment
from .isolated_process import measure_alone
from .measure import measure

MODES = ("exact", "fast", "both")
CUDA_BATCHES = (1, 64, 512, 4096)


def bench(
    chosen: Sequence[str], options: BenchOptions | None = None, progress: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Measures workloads; for each mode a row of one drop, and one of the batch of drops that does most a second.

    Slots of a batch are summed over its drops. There is one row where a batch is given or one drop alone is fastest,
    and of an environment.
    Batches that memory has no room for are cut to what fits, with a warning.

    Args:
        chosen: names of :func:`.case.workloads`, or of :func:`.environments.environment_workloads`.
        options: how.
        progress: told in a few words what is being measured.

    Raises:
        ScenarioError: no such workload, device or mode, less than one drop, thread or worker, or workers on a GPU.
    """
    options = options or BenchOptions()
    require(options)
    known, of_environments = workloads(), environment_workloads()
    for name in chosen:
        if name not in known and name not in of_environments:
            raise ScenarioError(f"unknown workload '{name}'{did_you_mean(name, {**known, **of_environments})}")
    modes = {name: _modes(name, known[name], options.mode) for name in chosen if name in known}
    rows = []
    for name in chosen:
        if name in known:
            rows += [row for mode in modes[name] for row in _rows(name, mode, options, progress)]
        else:
            rows.append(_environment_row(name, options, progress))
    return rows


def _environment_row(name: str, options: BenchOptions, progress: Callable[[str], None] | None) -> dict[str, Any]:
    drops = options.drops or DROPS
    if progress:
        progress(f"{name}, {drops} environments")
    row = measure_alone(measure_environment, BenchCase(name, drops, "exact", options))
    if row is None:
        raise ScenarioError(f"{name} could not be measured for want of memory; take fewer --drops")
    return row


def require(options: BenchOptions) -> None:
    """Refuses what cannot be measured.

    Raises:
        ScenarioError: what is wrong, in a sentence.
    """
    for name, count in (("drops", options.drops), ("threads", options.threads), ("workers", options.workers)):
        if count is not None and count < 1:
            raise ScenarioError(f"--{name} must be 1 or more, given {count}")
        if count is not None and name != "drops":
            require_not_too_many(f"--{name}", count)
    if options.mode not in MODES:
        raise ScenarioError(f"--mode must be exact, fast or both, given '{options.mode}'")
    if options.device not in ("cpu", "cuda"):
        raise ScenarioError(f"--device must be cpu or cuda, given '{options.device}'")
    if options.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ScenarioError("device 'cuda' was asked for, but torch finds no GPU here; take --device cpu")
        if options.workers > 1:
            raise ScenarioError(
                f"--workers {options.workers} is for --device cpu: one GPU runs drops side by side already"
            )


def _modes(name: str, workload: Workload, asked: str) -> tuple[str, ...]:
    offered = ("exact", "fast") if workload.fast is not None else ("exact",)
    if asked == "both":
        return offered
    if asked not in offered:
        raise ScenarioError(f"workload '{name}' has no mode '{asked}'; take --mode exact")
    return (asked,)


def _rows(name: str, mode: str, options: BenchOptions, progress: Callable[[str], None] | None) -> list[dict[str, Any]]:
    workload = workloads()[name]
    rows = []
    for case in _cases(name, mode, options):
        if progress:
            progress(f"{name}, {mode}, {case.drops} drop{'s' if case.drops > 1 else ''}")
        row = measure_alone(measure, case)
        rows += [] if row is None else [row]
    if not rows:
        raise ScenarioError(f"{name} could not be measured for want of memory; take fewer --drops")
    best = max(rows, key=lambda row: float(row[workload.rate]))
    return [row for row in rows if row["drops"] == 1 or row is best]


def _cases(name: str, mode: str, options: BenchOptions) -> Iterator[BenchCase]:
    """Lists one measurement for each batch that fits into memory."""
    batches = workloads()[name].batches if options.device == "cpu" else CUDA_BATCHES
    seen: set[int] = set()
    for drops in (options.drops,) if options.drops is not None else batches:
        case = BenchCase(name, drops, mode, options)
        case = replace(case, drops=that_fit(case))
        if case.drops not in seen:
            yield case
        seen.add(case.drops)


def that_fit(case: BenchCase) -> int:
    """Returns how many drops of a batch memory has room for; says so where they are fewer."""
    from .. import families
    from ..config.loading import load
    from ..running import memory

    scenario = load(as_scenario(workload_of(case), case))
    family, device = families.find(scenario.family), case.options.device
    return memory.fit(scenario, family, device, memory.available_bytes(device), case.options.workers)[0]
