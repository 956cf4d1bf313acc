"""Estimates how much memory a run may take, and how many drops fit into it side by side."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ScenarioError

if TYPE_CHECKING:
    from ..families import Family
    from ..families.schema import ScenarioBase

SHARE = 0.8
"""Share of the free memory that a run may plan with: estimates are not exact, and others want some too."""

WORKER_BYTES = 300_000_000
"""Memory of a worker process without its batch: Python, torch and the other packages, about."""

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes(device: str) -> int:
    """Returns the bytes that are free now: of the GPU for "cuda", else the lesser of machine and container."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    return min(free, max(0, limit - used)) if limit is not None and used is not None else free


def fit(scenario: ScenarioBase, family: Family, device: str, free_bytes: int, workers: int = 1) -> tuple[int, int]:
    """Chooses how many drops, and how many allocators, to simulate side by side in one batch.

    All allocators share a batch where the family allows it and small networks would leave the device idle. The drops
    are as many as asked for, or as is fastest, cut to what fits into memory; a warning says so. Each of several workers
    may plan with its share of the memory.

    Raises:
        ScenarioError: not even a single drop of a single allocator fits; the estimate is named.
    """
    best, entrants = family.best_batch(scenario, device), len(scenario.allocators)
    room = SHARE * free_bytes if workers == 1 else max(0.0, SHARE * free_bytes / workers - WORKER_BYTES)
    together = family.require is not None and scenario.on_infeasible == "error" and best >= entrants
    copies = entrants if together else 1
    wanted = drops = min(scenario.drops_per_batch or max(1, best // copies), scenario.drops)
    while drops > 1 and family.estimate_bytes(scenario, drops * copies) > room:
        drops //= 2
    if family.estimate_bytes(scenario, drops * copies) > room:
        copies = 1
    need = family.estimate_bytes(scenario, drops * copies)
    planned = f"{human_bytes(room)} of the {human_bytes(free_bytes)} free on the {device} may be planned with"
    planned += f" by each of {workers} workers" if workers > 1 else ""
    if need > room:
        raise ScenarioError(
            f"{scenario.name} needs about {human_bytes(need)} for a single drop, but only {planned}; take fewer "
            f"{'workers, ' if workers > 1 else ''}users, cells or PRBs, longer windows, or a machine with more memory"
        )
    if drops < wanted:
        too_much = family.estimate_bytes(scenario, wanted * copies)
        warnings.warn(
            f"{scenario.name}: drops_per_batch {wanted} -> {drops}: needs about {human_bytes(too_much)}, and "
            f"{planned}; results are the same",
            stacklevel=2,
        )
    return drops, copies


def human_bytes(count: float) -> str:
    """Writes ``3.2 GB``: bytes in the unit that reads best."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB" if count >= 100 else f"{count:.3g} TB"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max": no limit
        return None
