"""Defines what a family adds to a cellular carrier: its clock, the slice of each UE, a scheduler below it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mac.core.allocator_guard import AllocatorGuard
from mac.core.contracts import Allocator
from mac.core.plugin_traceback import error_text, plug_in_line
from mac.scheduling import SchedulingDecision, SchedulingObservation

from ...errors import ScenarioError
from ..schema import Clock, ScenarioBase, clock

LONGEST_BLOCK = 50
"""Slots that the engine prepares at once."""


@dataclass(frozen=True)
class Shape:
    """Describes what a family adds to the carrier: its clock, and the slice of each group."""

    clock: Clock
    slots: int  # of an interval
    slice_of_group: tuple[int, ...]
    slices: int = 1

    @property
    def total_slots(self) -> int:
        """Counts the slots of a drop, the warm-up included."""
        return (self.clock.warmup + self.clock.intervals) * self.slots

    @property
    def window_slots(self) -> int:
        """Counts the slots of a window."""
        return self.clock.window * self.slots

    @property
    def block_slots(self) -> int:
        """Finds the longest block, of those that the engine prepares at once, that ends wherever a window may."""
        unit = self.slots if self.slots > 1 else math.gcd(self.clock.window, self.clock.warmup)
        return max(n for n in range(1, LONGEST_BLOCK + 1) if unit % n == 0)


class IntervalSettings(Protocol):
    """Describes the section of a family that decides once in many slots, above a scheduling allocator."""

    @property
    def interval_s(self) -> float:
        """Returns the time between decisions."""

    @property
    def scheduler(self) -> str:
        """Returns the scheduling allocator, by name or as ``module:Class``."""

    @property
    def scheduler_params(self) -> Mapping[str, Any]:
        """Returns its parameters."""

    def slots(self, slot_s: float, /) -> int:
        """Returns the slots of an interval; raises ValueError where these are no whole number."""


def clock_of_interval(scenario: ScenarioBase, section: IntervalSettings, slot_s: float) -> Clock:
    """Returns the clock of a family whose windows last an interval unless the scenario says otherwise.

    Raises:
        ScenarioError: an interval is no whole number of slots.
    """
    try:
        section.slots(slot_s)
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    return clock(scenario, section.interval_s, section.interval_s)


def scheduler_below(section: IntervalSettings, key: str) -> Allocator[SchedulingObservation, SchedulingDecision]:
    """Makes the scheduling allocator of a section, under the name that its ``key`` has in scenario files."""
    from allocators.registry import resolve

    found: Allocator[Any, Any] = resolve(section.scheduler, "scheduling", dict(section.scheduler_params))
    return AllocatorGuard(found, f"{section.scheduler} ({key})")


def check_scheduler(section: IntervalSettings, key: str) -> None:
    """Makes the scheduling allocator of a section.

    Raises:
        ScenarioError: it cannot be made.
    """
    try:
        scheduler_below(section, key)
    except Exception as error:  # a plug-in's module may raise anything at all when it is imported
        raise ScenarioError(f"{key} '{section.scheduler}': {error_text(error)}{plug_in_line(error)}") from error
