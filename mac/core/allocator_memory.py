"""Copies and restores what an allocator remembers, so that the state of a problem that calls one can be stepped again.

What an allocator remembers are its attributes. An allocator whose attributes cannot be copied, or are dear to copy,
offers ``snapshot`` and ``restore`` (:class:`HasSnapshot`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from .allocator_guard import AllocatorGuard


@runtime_checkable
class HasSnapshot(Protocol):
    """Provides what it remembers as a value."""

    def snapshot(self) -> object:
        """Returns what it remembers; later decisions must not change it."""

    def restore(self, snapshot: object, /) -> None:
        """Restores what it remembered when it returned ``snapshot``, which may happen many times."""


@dataclass(frozen=True, eq=False)
class AllocatorMemory:
    """Holds what an allocator remembered at a time."""

    content: object
    refused: str = ""  # why it could not be copied; empty where it could


class StateUsedUp(ValueError):
    """Reports a state that is stepped again after the memory of the allocator inside its problem is gone."""


def remember(allocator: Any) -> AllocatorMemory:
    """Copies what an allocator remembers."""
    inner = _inner(allocator)
    try:
        return AllocatorMemory(inner.snapshot() if isinstance(inner, HasSnapshot) else copy.deepcopy(vars(inner)))
    except Exception as error:  # a plug-in may hold anything, such as a lock or a session
        return AllocatorMemory(None, f"{type(inner).__name__} cannot be copied ({type(error).__name__}: {error})")


def recall(allocator: Any, memory: AllocatorMemory) -> None:
    """Makes an allocator remember what it did when ``memory`` was taken.

    Raises:
        StateUsedUp: it could not be copied then.
    """
    inner = _inner(allocator)
    if memory.refused:
        raise StateUsedUp(
            f"this state can be stepped only once: the allocator inside, {memory.refused}; give it the methods "
            "snapshot() and restore(snapshot)"
        )
    if isinstance(inner, HasSnapshot):
        inner.restore(memory.content)
        return
    kept = vars(inner)
    kept.clear()
    kept.update(copy.deepcopy(memory.content))


def _inner(allocator: Any) -> Any:
    return allocator.allocator if isinstance(allocator, AllocatorGuard) else allocator
