"""Runs several allocators in one batch: each decides for its own copy of the drops.

A small network's slot costs as much for fifty drops as for eight, so a comparison of six allocators on eight drops is
one batch of forty-eight. Drops are independent, so every allocator gets the same numbers as in a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from phy.numerics.jit import run_clock_s
from phy.random import Drops

from .contracts import Allocator
from .decision_counts import counts_of
from .plugin_traceback import note_allocator


class StackedAllocators:
    """Combines several allocators' decisions, for a batch whose drops are repeated once for each.

    Args:
        allocators: by name; the first decides for the first ``B / n`` rows of the batch, and so on.
        require: the family's check of a decision, called with (decision, observation, context) of one allocator.

    Errors of an allocator hold its name, for :func:`mac.core.plugin_traceback.allocator_of`.
    """

    def __init__(self, allocators: Mapping[str, Allocator[Any, Any]], require: Callable[[Any, Any, Any], Any]) -> None:
        self.allocators, self.require = dict(allocators), require
        self.seconds = dict.fromkeys(allocators, 0.0)  # spent in each decide()
        self._contexts: dict[str, Any] = {}
        self._rows: dict[str, slice] = {}

    def reset(self, context: Any, seed: int, /) -> None:
        """Resets each allocator with a context of its own drops."""
        share = len(context.drops) // len(self.allocators)
        for number, (name, allocator) in enumerate(self.allocators.items()):
            rows = slice(number * share, (number + 1) * share)
            drops = Drops(context.drops.seed, context.drops.ids[rows])
            self._rows[name], self._contexts[name] = rows, replace(context, drops=drops)
            self._call(name, allocator.reset, self._contexts[name], seed)

    def decide(self, observation: Any, /) -> Any:
        """Returns the decisions of all allocators, each on its own rows, as one."""
        decisions = []
        for name, allocator in self.allocators.items():
            view = select(observation, self._rows[name])
            start = run_clock_s()
            decision = self._call(name, allocator.decide, view)
            self.seconds[name] += run_clock_s() - start
            decisions.append(self._call(name, self.require, decision, view, self._contexts[name]))
        return concatenate(decisions)

    def decision_counts(self) -> dict[str, Tensor]:
        """Returns what the allocators count, each on its own rows; 0 on the rows of those that do not."""
        found: dict[str, Tensor] = {}
        share = {name: rows.stop - rows.start for name, rows in self._rows.items()}
        for label, allocator in self.allocators.items():
            for name, count in self._call(label, counts_of, allocator, share[label]).items():
                whole = found.setdefault(name, count.new_zeros(sum(share.values())))
                whole[self._rows[label]] = count
        return found

    @staticmethod
    def _call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            note_allocator(error, name)
            raise


def select(batch: Any, rows: slice) -> Any:
    """Selects rows of every tensor of a dataclass; functions that compute a tensor on demand are wrapped."""
    changed = {field.name: _select(getattr(batch, field.name), rows) for field in fields(batch)}
    return replace(batch, **changed)


def concatenate(parts: list[Any]) -> Any:
    """Joins decisions along the batch; a measure that only some mechanisms tell is NaN on the rows of the others.

    Where None stands for a decision, as for no limit, the family's check has put the values in its place.
    """
    names = [field.name for field in fields(parts[0])]
    rows = [len(getattr(part, names[0])) for part in parts]
    return replace(parts[0], **{name: _joined([getattr(part, name) for part in parts], rows) for name in names})


def _joined(values: list[Tensor | None], rows: list[int]) -> Tensor | None:
    like = next((value for value in values if value is not None), None)
    if like is None:
        return None
    return torch.cat([like.new_full((count, *like.shape[1:]), torch.nan) if value is None else value
                      for value, count in zip(values, rows, strict=True)])  # fmt: skip


def _select(value: Any, rows: slice) -> Any:
    if isinstance(value, Tensor):
        return value[rows]
    if callable(value):
        return lambda: value()[rows]
    return value
