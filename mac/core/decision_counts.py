"""Reads what an allocator counts of its own decisions, such as actions that had to be projected. B drops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

_WHOLE = (torch.int64, torch.int32)


def counts_of(allocator: Any, drops: int) -> dict[str, Tensor]:
    """Copies the counts of an allocator since its ``reset``, int64 ``[B]`` by name; none if it does not count.

    Args:
        allocator: with a method ``decision_counts``, or without.
        drops: that it decides for.

    Raises:
        ValueError: the method returns something else.
    """
    counting = getattr(allocator, "decision_counts", None)
    found = counting() if callable(counting) else {}
    if not isinstance(found, Mapping):
        raise ValueError(f"decision_counts() must return counts by name, given {type(found).__name__}")
    for name, count in found.items():
        if not isinstance(count, Tensor) or count.dtype not in _WHOLE or count.shape != (drops,):
            given = f"{count.dtype} {list(count.shape)}" if isinstance(count, Tensor) else type(count).__name__
            raise ValueError(f"decision_counts(): '{name}' must be a tensor of whole numbers [{drops}], given {given}")
    return {str(name): count.detach().clone() for name, count in found.items()}


@dataclass
class Tally:
    """Takes the counts of the recorded intervals: those at the end, less those at the end of the warm-up."""

    allocator: Any
    drops: int
    before: dict[str, Tensor] = field(default_factory=dict)

    def begin(self) -> None:
        """Remembers the counts before the first recorded interval."""
        self.before = counts_of(self.allocator, self.drops)

    def counted(self) -> dict[str, np.ndarray]:
        """Returns the counts since then, int64 ``[B]`` by name."""
        now = counts_of(self.allocator, self.drops)
        return {name: (count - self.before.get(name, 0)).cpu().numpy().astype(np.int64) for name, count in now.items()}
