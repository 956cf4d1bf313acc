"""How fast the loop is: the very loop of a run, on fixed workloads.

Every measurement has a process of its own (:mod:`scenarios.bench.measure`), so that its peak memory is its own too.
What is timed is everything that a run does in a slot: fading that is new in every slot on every PRB, channel reports,
the scheduler, the check of its decision, link adaptation, HARQ, queues, and the record; or in a round of a sensor
field: the election of heads, packets up the tree, the ledger, batteries, and the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ScenarioError, did_you_mean
from ..running.worker_pool import require_not_too_many
from .isolated_process import apart
from .workloads import WORKLOADS, Workload

MODES = ("exact", "fast", "both")
CUDA_BATCHES = (1, 64, 512, 4096)


@dataclass(frozen=True)
class Options:
    """How workloads are measured."""

    device: str = "cpu"
    """"cpu", or "cuda" for the GPU."""
    drops: int | None = None
    """This batch and no other."""
    allocator: str | None = None
    """In the loop; left out, the workload's own."""
    mode: str = "both"
    """exact: every cell fades; fast: the strongest interferers of each user, where the workload has such a mode."""
    compiled: bool | None = None
    """False: no compiled loops, torch's operations alone; left out or True: compiled, as in a run."""
    threads: int | None = None
    """Threads on a CPU; left out, what OMP_NUM_THREADS says, or one, as in a run."""
    workers: int = 1
    """Processes that measure the same at the same time, each a batch of its own; their rates are added up."""


@dataclass(frozen=True)
class Case:
    """One measurement."""

    workload: str
    drops: int
    mode: str
    options: Options
    meeting: Path | None = None
    """Where the processes of the measurement wait for each other; None where there is but one."""


def bench(
    workloads: Sequence[str], options: Options | None = None, progress: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Measure workloads; for each mode a row of one drop, and one of the batch of drops that does most a second.

    Slots of a batch are summed over its drops. There is one row where a batch is given or one drop alone is fastest.
    Batches that memory has no room for are cut to what fits, with a warning.

    Args:
        workloads: names of :data:`WORKLOADS`.
        options: how.
        progress: told in a few words what is being measured.

    Raises:
        ScenarioError: no such workload, device or mode, less than one drop, thread or worker, or workers on a GPU.
    """
    options = options or Options()
    require(options)
    for name in workloads:
        if name not in WORKLOADS:
            raise ScenarioError(f"unknown workload '{name}'{did_you_mean(name, WORKLOADS)}")
    modes = {name: _modes(name, options.mode) for name in workloads}
    return [row for name in workloads for mode in modes[name] for row in _rows(name, mode, options, progress)]


def require(options: Options) -> None:
    """Refuse what cannot be measured.

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


def as_scenario(workload: Workload, case: Case) -> dict[str, Any]:
    """The scenario of a measurement: the workload's own in this mode. The one place that knows how modes are set."""
    options = case.options
    scenario = {
        **workload.scenario(options.allocator or workload.allocator, case.drops),
        "name": f"bench-{case.workload}",
        "drops_per_batch": case.drops,
        "device": options.device,
    }
    if case.mode == "fast":
        scenario["fading"] = {"dominant_interferers": workload.dominant_interferers}
    return scenario


def has_fast(workload: Workload) -> bool:
    """Whether there is a mode ``fast``: this workload names how many interferers fade."""
    return workload.dominant_interferers is not None


def _modes(name: str, asked: str) -> tuple[str, ...]:
    offered = ("exact", "fast") if has_fast(WORKLOADS[name]) else ("exact",)
    if asked == "both":
        return offered
    if asked not in offered:
        raise ScenarioError(f"workload '{name}' has no mode '{asked}'; take --mode exact")
    return (asked,)


def _rows(name: str, mode: str, options: Options, progress: Callable[[str], None] | None) -> list[dict[str, Any]]:
    from .measure import measure

    workload = WORKLOADS[name]
    rows = []
    for case in _cases(name, mode, options):
        if progress:
            progress(f"{name}, {mode}, {case.drops} drop{'s' if case.drops > 1 else ''}")
        row = apart(measure, case)
        rows += [] if row is None else [row]
    if not rows:
        raise ScenarioError(f"{name} could not be measured for want of memory; take fewer --drops")
    best = max(rows, key=lambda row: float(row[workload.rate]))
    return [row for row in rows if row["drops"] == 1 or row is best]


def _cases(name: str, mode: str, options: Options) -> Iterator[Case]:
    """One measurement for each batch that fits into memory."""
    batches = WORKLOADS[name].batches if options.device == "cpu" else CUDA_BATCHES
    seen: set[int] = set()
    for drops in (options.drops,) if options.drops is not None else batches:
        case = Case(name, drops, mode, options)
        case = replace(case, drops=_that_fit(case))
        if case.drops not in seen:
            yield case
        seen.add(case.drops)


def _that_fit(case: Case) -> int:
    """Drops of a batch that memory has room for; says so where they are fewer."""
    from .. import families
    from ..config.loading import load
    from ..running import memory

    scenario = load(as_scenario(WORKLOADS[case.workload], case))
    family, device = families.find(scenario.family), case.options.device
    return memory.fit(scenario, family, device, memory.available_bytes(device), case.options.workers)[0]
