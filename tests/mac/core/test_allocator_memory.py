"""What an allocator remembers is taken and put back, whatever kind of class it is."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from engine_cases import rotate
from engine_factory import engine

from mac.core.allocator_guard import AllocatorGuard
from mac.core.allocator_memory import StateUsedUp, recall, remember
from mac.scheduling.observe import observe
from mac.scheduling.types import SchedulingObservation
from phy.random import Drops


class Counts:
    """Counts its decisions in a tensor that it writes in place."""

    def __init__(self) -> None:
        self.calls = torch.zeros(2)

    def reset(self, context: Any, seed: int) -> None:
        self.calls.zero_()

    def decide(self, observation: Any) -> torch.Tensor:
        self.calls += 1
        return self.calls


class Locked(Counts):
    """Holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


class Offers(Locked):
    """Says itself what it remembers."""

    def snapshot(self) -> torch.Tensor:
        return self.calls.clone()

    def restore(self, snapshot: torch.Tensor, /) -> None:
        self.calls = snapshot.clone()


@pytest.mark.parametrize("kind", [Counts, Offers])
@pytest.mark.parametrize("guarded", [False, True])
def test_what_it_remembered_comes_back_as_often_as_it_is_asked_for(kind: type[Counts], guarded: bool) -> None:
    allocator: Any = AllocatorGuard(kind()) if guarded else kind()
    allocator.reset(None, 0)
    allocator.decide(None)
    memory = remember(allocator)
    for _ in range(2):
        assert [float(allocator.decide(None)[0]) for _ in range(2)] == [2.0, 3.0]
        recall(allocator, memory)


def test_what_cannot_be_copied_is_refused_with_the_way_out() -> None:
    memory = remember(Locked())
    with pytest.raises(StateUsedUp, match=r"Locked cannot be copied \(TypeError.*snapshot\(\) and restore\(snapshot\)"):
        recall(Locked(), memory)


def test_states_and_engines_are_their_own_copies() -> None:
    """An allocator that keeps an observation keeps with it a function of the engine and of its state."""
    tested = engine(Drops(1, (0,)))
    state = tested.start()
    seen: SchedulingObservation = copy.deepcopy(observe(tested, state))
    assert copy.deepcopy(tested) is tested and copy.deepcopy(state) is state
    assert seen.head_of_line_s.equal(observe(tested, state).head_of_line_s)
    assert rotate(seen).user.equal(rotate(observe(tested, state)).user)
