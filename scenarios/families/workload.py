"""Defines what ``fairwave bench`` needs to know of a workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


class Workload(Protocol):
    """Describes a fixed scenario whose speed is measured."""

    @property
    def batches(self) -> tuple[int, ...]:
        """Lists the numbers of drops to try on a CPU, one first."""

    @property
    def allocator(self) -> str:
        """Names the allocator that decides where no other is named."""

    @property
    def rate(self) -> str:
        """Names the key of the result: what is counted per second, summed over drops."""

    @property
    def words(self) -> tuple[str, str]:
        """Names a step, and one part of a step, such as a slot and a cell's slot."""

    @property
    def parts(self) -> int:
        """Counts the parts of a step."""

    @property
    def fast(self) -> Mapping[str, Any] | None:
        """Returns settings of the mode ``fast``, merged into the scenario; None where there is no such mode."""

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""

    def sizes(self) -> dict[str, int]:
        """Returns what tables print of it."""

    def more(self, rate: float) -> dict[str, float]:
        """Returns further rates that follow from the first."""


class ScalingWorkload(Workload, Protocol):
    """Describes one of several scenarios of growing size."""

    @property
    def scale(self) -> tuple[str, str]:
        """Names the key of ``sizes`` that grows, and one of what it counts, such as users and user."""


@runtime_checkable
class RepeatableWorkload(Workload, Protocol):
    """Describes a workload in which a large batch may consist of a few drops, repeated."""

    def repeated(self, problem: Any, times: int) -> Any:
        """Returns the problem with each of its drops so many times, as if they were different ones."""
