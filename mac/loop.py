"""The loop of every family: observe, decide, step, record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

from .contracts import Allocator, AllocatorError, InfeasibleDecision, Problem
from .record import Recorder, Windows

State = TypeVar("State")
Obs = TypeVar("Obs")
Dec = TypeVar("Dec")


@dataclass(frozen=True)
class Plan:
    """How long a run is and how it is cut."""

    intervals: int
    """Intervals to record; whole windows are kept."""
    warmup: int = 0
    """Intervals before them that are run and not recorded."""
    window: int = 1
    """Intervals of a window."""
    seed: int = 0
    """Given to the allocator's ``reset``."""


def run(
    problem: Problem[State, Obs, Dec],
    allocator: Allocator[Obs, Dec],
    plan: Plan,
    name: str = "allocator",
    progress: Callable[[int], None] | None = None,
) -> Windows:
    """Drive one allocator through one batch of drops.

    Args:
        problem: the truth.
        allocator: who decides.
        plan: how long.
        name: what the allocator is called in errors.
        progress: called with the number of intervals done since its last call, once a window.

    Raises:
        AllocatorError: the allocator raised or decided what is not allowed.
    """
    clock, recorder = _Clock(), Recorder(problem.fields, plan.window)
    with _blame(name, "reset()", problem, -plan.warmup):
        allocator.reset(problem.context, plan.seed)
    state = problem.start()
    for interval in range(-plan.warmup, plan.intervals):
        with clock("observe"):
            observation = problem.observe(state)
        with clock("decide"), _blame(name, "decide()", problem, interval):
            decision = allocator.decide(observation)
        with clock("step"), _blame(name, None, problem, interval):
            state, outcome = problem.step(state, decision)
        if interval >= 0 and recorder.add(outcome) and progress:
            progress(plan.window)
    return recorder.windows(clock.seconds)


@dataclass
class _Clock:
    """Seconds spent in each part of the loop."""

    seconds: dict[str, float] = field(default_factory=lambda: {"observe": 0.0, "decide": 0.0, "step": 0.0})

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[part] += perf_counter() - start


@contextmanager
def _blame(name: str, call: str | None, problem: Problem[State, Obs, Dec], interval: int) -> Iterator[None]:
    """Turn what an allocator raised in ``call``, or a decision that is not allowed, into an AllocatorError."""
    try:
        yield
    except Exception as error:
        drop = error.drop if isinstance(error, InfeasibleDecision) else None
        if isinstance(error, InfeasibleDecision):
            what = f"decision not allowed: {error}"
        elif call:
            what = f"{call} raised {type(error).__name__}: {error}"
        else:  # the step's own failure is nobody else's
            raise
        culprit = getattr(error, "allocator", name)
        raise AllocatorError(f"allocator {culprit}: {what} ({_where(problem, interval, drop)})") from error


def _where(problem: Problem[State, Obs, Dec], interval: int, drop: int | None) -> str:
    ids = problem.drops.ids
    drops = f"drop {drop}" if drop is not None else f"drop {ids[0]}" if len(ids) == 1 else f"drops {ids[0]}-{ids[-1]}"
    return f"{drops}, interval {interval}, time {interval * problem.interval_s:.6g} s"
