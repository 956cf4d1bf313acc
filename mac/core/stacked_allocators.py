"""Several allocators in one batch: each decides for its own copy of the drops.

A small network's slot costs as much for fifty drops as for eight, so a comparison of six allocators on eight drops is
one batch of forty-eight. Drops do not feel each other, so every allocator gets the very numbers of a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from phy.random import Drops

from .contracts import Allocator
from .plugin_traceback import note_allocator


class StackedAllocators:
    """An allocator made of several, for a batch whose drops are repeated once for each.

    Args:
        entrants: allocators by name; the first decides for the first ``B / n`` rows of the batch, and so on.
        require: the family's check of a decision, called with (decision, observation, context) of one entrant.

    Errors of an entrant leave with its name in what :func:`mac.core.plugin_traceback.allocator_of` reads.
    """

    def __init__(self, entrants: Mapping[str, Allocator[Any, Any]], require: Callable[[Any, Any, Any], Any]) -> None:
        self.entrants, self.require = dict(entrants), require
        self.seconds = dict.fromkeys(entrants, 0.0)  # spent in each entrant's decide()
        self._contexts: dict[str, Any] = {}
        self._rows: dict[str, slice] = {}

    def reset(self, context: Any, seed: int, /) -> None:
        """Reset each entrant with a context of its own drops."""
        share = len(context.drops) // len(self.entrants)
        for number, (name, entrant) in enumerate(self.entrants.items()):
            rows = slice(number * share, (number + 1) * share)
            drops = Drops(context.drops.seed, context.drops.ids[rows])
            self._rows[name], self._contexts[name] = rows, replace(context, drops=drops)
            self._call(name, entrant.reset, self._contexts[name], seed)

    def decide(self, observation: Any, /) -> Any:
        """Every entrant's decision on its rows, put together again."""
        decisions = []
        for name, entrant in self.entrants.items():
            view = select(observation, self._rows[name])
            start = perf_counter()
            decision = self._call(name, entrant.decide, view)
            self.seconds[name] += perf_counter() - start
            decisions.append(self._call(name, self.require, decision, view, self._contexts[name]))
        return concatenate(decisions)

    @staticmethod
    def _call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            note_allocator(error, name)
            raise


def select(batch: Any, rows: slice) -> Any:
    """Those rows of every tensor of a dataclass; functions that compute a tensor are wrapped alike."""
    changed = {field.name: _select(getattr(batch, field.name), rows) for field in fields(batch)}
    return replace(batch, **changed)


def concatenate(parts: list[Any]) -> Any:
    """Dataclasses of tensors, put together along the batch."""
    names = [field.name for field in fields(parts[0])]
    joined = {name: [getattr(part, name) for part in parts] for name in names}
    return replace(
        parts[0], **{name: None if values[0] is None else torch.cat(values) for name, values in joined.items()}
    )


def _select(value: Any, rows: slice) -> Any:
    if isinstance(value, Tensor):
        return value[rows]
    if callable(value):
        return lambda: value()[rows]
    return value
