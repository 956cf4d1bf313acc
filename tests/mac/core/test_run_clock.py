"""Seconds in which numba compiles are no seconds of deciding."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from toy_family import Pipe, ToyProblem, ToyScenario

from mac.core import loop
from mac.core.stacked_allocators import StackedAllocators
from phy.numerics import jit
from phy.random import Drops

event = pytest.importorskip("numba.core.event")


class FakeClock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    made = FakeClock()
    jit._numba()
    monkeypatch.setattr(jit, "perf_counter", made)
    monkeypatch.setattr(event, "timer", made)
    return made


@dataclass(frozen=True)
class Shares:
    share: Tensor  # [B, U]


@dataclass(frozen=True)
class Context:
    drops: Drops


class CompilesFirst:
    """Takes 2 s for a decision; in the first one numba compiles for 5 s more."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.decisions = clock, 0

    def reset(self, context: object, seed: int) -> None:
        self.decisions = 0

    def decide(self, observation: Tensor | Shares) -> Tensor | Shares:
        if not self.decisions:
            with event.trigger_event("numba:compile"):
                self.clock.now_s += 5.0
        self.decisions += 1
        self.clock.now_s += 2.0
        return observation if isinstance(observation, Shares) else torch.zeros_like(observation)


def test_a_loop_books_decisions_without_compiling(clock: FakeClock) -> None:
    problem = ToyProblem(
        ToyScenario.model_construct(users=2, interval_s=1.0, pipe=Pipe()), Drops(1, (0,)), torch.float64
    )
    timing = loop.run(problem, CompilesFirst(clock), loop.Span(intervals=3)).timing
    assert timing["decide"] == 6.0 and timing["observe"] == timing["step"] == 0.0
    assert clock.now_s == 11.0


def test_stacked_allocators_book_decisions_without_compiling(clock: FakeClock) -> None:
    side = StackedAllocators({name: CompilesFirst(clock) for name in ("one", "two")}, lambda decision, *_: decision)
    side.reset(Context(Drops(1, (0, 1, 0, 1))), 0)
    for _ in range(3):
        side.decide(Shares(torch.zeros(4, 2)))
    assert side.seconds == {"one": 6.0, "two": 6.0}
    assert clock.now_s == 22.0
