"""Holds what every part of the check is told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """Describes a part's work.

    Attributes:
        device: cuda, or cpu for the dry form, whose sizes are tiny.
        until: time of day at which the part is to end, in seconds of ``time.time()``.
    """

    device: str
    until: float

    @property
    def tiny(self) -> bool:
        """Returns whether this is the dry form."""
        return self.device == "cpu"

    @property
    def left_s(self) -> float:
        """Returns the seconds that are left."""
        return self.until - time.time()


def while_time_lasts(cases: Iterable[Any], options: Options, first_s: float = 5.0) -> Iterator[tuple[Any, bool]]:
    """Yields cases, and whether there is time for each: as long as half as much again as the longest before it.

    Args:
        cases: in the order of their importance.
        options: the end.
        first_s: expected of the first case.
    """
    longest = first_s
    for case in cases:
        began = time.time()
        yield case, options.left_s > 1.5 * longest
        longest = max(longest, time.time() - began)
