"""Describes a simulator that compare.py measures, and how its slots are timed."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata

SLOT_S = 1e-3
_WINDOWS = 5
SIGNS = {
    "users_served": "share of the users that were given anything at all",
    "prbs_given": "share of the PRBs that were given to a user",
    "mbps_per_cell": "rate that a cell delivered, in Mbit/s",
    "acks": "share of the transport blocks that were decoded",
}
"""Signs of life: what came of the slots that were timed, where a contender tells."""


@dataclass(frozen=True)
class Size:
    """Holds a saturated downlink in numbers that every simulator understands."""

    name: str
    sites: int
    sectors: int
    prbs: int
    users_per_cell: int

    @property
    def cells(self) -> int:
        """Returns the number of cells of the network."""
        return self.sites * self.sectors

    @property
    def users(self) -> int:
        """Returns the number of UEs of the network."""
        return self.cells * self.users_per_cell


@dataclass(frozen=True)
class Reading:
    """Holds the result of one measurement."""

    slots_per_s: float
    """Summed over the networks side by side."""
    signs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """Holds a simulation that is ready to run."""

    advance: Callable[[], object]
    """Runs the next slots."""
    slots: int
    """That one call runs, summed over the networks side by side."""
    signs: Callable[[], dict[str, float]]
    """Of :data:`SIGNS`, so far."""

    def reading(self, seconds: float) -> Reading:
        """Measures the median rate of windows that last so many seconds together, about; a window has one call at
        least.
        """
        self.advance()
        ends = [time.perf_counter()]
        self.advance()
        ends.append(time.perf_counter())
        calls = max(1, round(seconds / _WINDOWS / (ends[1] - ends[0])))
        for _ in range(_WINDOWS):
            for _ in range(calls):
                self.advance()
            ends.append(time.perf_counter())
        taken = statistics.median(after - before for before, after in itertools.pairwise(ends[1:]))
        return Reading(calls * self.slots / taken, self.signs())


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """Describes a simulator, as far as it does this work."""

    name: str
    distribution: str
    """As pip knows it."""
    models: str
    lacks: str
    reports: str = "all users in every slot"
    """When users report their channel."""
    batches: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Networks side by side that are tried, by workload, one first; left out: one at a time is all it can do."""

    def tried(self, workload: str) -> tuple[int, ...]:
        """Returns the batches to measure; those of W1r are those of W1."""
        return self.batches.get(workload.removesuffix("r"), (1,))

    def version(self) -> str | None:
        """Returns the installed version, None where there is none."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    def measure(self, size: Size, batch: int, seconds: float) -> Reading:
        """Measures slots a second in this process."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Peer(Simulator):
    """Describes another simulator than fairwave."""

    prepare: Callable[[Size, int], Session]
    """Of a size, and so many networks side by side; whatever may not be installed is imported in here."""

    def measure(self, size: Size, batch: int, seconds: float) -> Reading:
        """Times a prepared session."""
        return self.prepare(size, batch).reading(seconds)


@dataclass(frozen=True, kw_only=True)
class Fairwave(Simulator):
    """Measures fairwave by ``fairwave bench``, whose windows have their own length."""

    reports: str = "all users in every slot; in W1r, W2r and W3r every five slots, in turn"
    mode: str = "exact"
    """Of ``fairwave bench``."""

    def measure(self, size: Size, batch: int, seconds: float) -> Reading:
        """Returns a row of ``fairwave bench``."""
        from scenarios.bench import measure as measuring
        from scenarios.bench.case import BenchCase, BenchOptions

        return Reading(measuring.measure(BenchCase(size.name, batch, self.mode, BenchOptions()))["slots_per_s"])


def around(angle: float, share: float, nearest_m: float, farthest_m: float) -> tuple[float, float]:
    """Computes a position in a ring, uniform over its area where ``angle`` and ``share`` are uniform in [0, 1)."""
    radius = math.sqrt(nearest_m**2 + share * (farthest_m**2 - nearest_m**2))
    return radius * math.cos(2 * math.pi * angle), radius * math.sin(2 * math.pi * angle)
