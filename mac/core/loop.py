"""Runs the loop of every family: observe, decide, step, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from phy.numerics.jit import CompilerError, run_clock_s

from .allocator_guard import AllocatorGuard
from .contracts import Allocator, AllocatorError, InfeasibleDecision, Outcome, Problem
from .decision_counts import Tally
from .plugin_traceback import allocator_of, describe_error, error_text, plug_in_line
from .recorder import Recorder, Windows

State = TypeVar("State")
Obs = TypeVar("Obs")
Dec = TypeVar("Dec")


@dataclass(frozen=True)
class Span:
    """Sets how long a run is and how it is cut into windows."""

    intervals: int
    """Intervals to record; whole windows are kept."""
    warmup: int = 0
    """Intervals before them that are run and not recorded."""
    window: int = 1
    """Intervals of a window."""
    seed: int = 0
    """Given to the allocator's ``reset``."""

    def until_stop(self, interval: int) -> int:
        """Counts the intervals from one on to the end of its window, of the warm-up or of the run."""
        if interval < 0:
            return -interval
        return min(self.window - interval % self.window, self.intervals - interval)


def run(
    problem: Problem[State, Obs, Dec],
    allocator: Allocator[Obs, Dec],
    span: Span,
    name: str = "allocator",
    progress: Callable[[int], None] | None = None,
) -> Windows:
    """Runs one allocator through one batch of drops.

    Args:
        problem: family and scenario.
        allocator: of the same family.
        span: length of the run.
        name: of the allocator, in errors.
        progress: called with the number of intervals done since its last call, once a window.

    Raises:
        AllocatorError: the allocator raised, decided what is not allowed, or wrote into what it observed.
    """
    clock, recorder = _Clock(), Recorder(problem.array_specs, span.window)
    guarded = AllocatorGuard(allocator)
    tally = Tally(guarded, len(problem.drops))
    with _AttributeErrors(name, "reset()", problem):
        guarded.reset(problem.context, span.seed)
    with _AttributeErrors(name, None, problem):
        state = problem.start()
    interval = -span.warmup
    while interval < span.intervals:
        if interval == 0:
            with _AttributeErrors(name, "decision_counts()", problem, interval):
                tally.begin()
        with _AttributeErrors(name, None, problem, interval):
            several = _several(problem, guarded, state, span.until_stop(interval), clock)
        if several is not None:
            state, outcome = several
        else:
            with clock("observe"):
                observation = problem.observe(state)
            with clock("decide"), _AttributeErrors(name, "decide()", problem, interval):
                decision: Dec = guarded.decide(observation)
            with clock("step"), _AttributeErrors(name, None, problem, interval):
                state, outcome = problem.step(state, decision)
        if interval >= 0 and recorder.add(outcome) and progress:
            progress(span.window)
        if outcome.over and interval >= 0:
            recorder.rest(outcome, span.intervals - interval - 1)
            break
        interval += outcome.intervals
    with _AttributeErrors(name, "decision_counts()", problem):
        counts = tally.counted()
    return recorder.windows(clock.seconds, clock.decisions, counts)


def _several(
    problem: Any, allocator: AllocatorGuard, state: Any, most: int, clock: _Clock
) -> tuple[Any, Outcome] | None:
    """Runs several intervals at once where the allocator does; returns the state after them and their outcome."""
    if not allocator.runs_intervals:
        return None
    with clock("step"):
        found = allocator.run_intervals(problem, state, most)
    if found is None:
        return None
    state, outcome, decide_s = found
    clock.divide(decide_s, outcome.intervals)
    return state, outcome


@dataclass
class _Clock:
    """Measures the seconds spent in each phase of the loop, without those in which numba compiles."""

    seconds: dict[str, float] = field(default_factory=lambda: {"observe": 0.0, "decide": 0.0, "step": 0.0})
    decisions: int = 0
    _phase: str = ""
    _start: float = 0.0
    _last_s: float = 0.0

    def __call__(self, phase: str) -> _Clock:
        self._phase = phase
        return self

    def divide(self, decide_s: float, decisions: int) -> None:
        """Counts a part of the last step's time as that of so many decisions."""
        decide_s = min(decide_s, self._last_s)
        self.seconds["step"] -= decide_s
        self.seconds["decide"] += decide_s
        self.decisions += decisions

    def __enter__(self) -> None:
        self._start = run_clock_s()

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._last_s = run_clock_s() - self._start
            self.seconds[self._phase] += self._last_s
            self.decisions += self._phase == "decide"


@dataclass(frozen=True)
class _AttributeErrors:
    """Turns an error of an allocator, or a decision that is not allowed, into an AllocatorError."""

    name: str
    call: str | None  # the call that was made; None while the problem works, which may call an allocator of its own
    problem: Problem[Any, Any, Any]
    interval: int | None = None  # None before the first

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None or isinstance(error, (KeyboardInterrupt, CompilerError)):
            return
        allocator = allocator_of(error)
        drop = error.drop if isinstance(error, InfeasibleDecision) else None
        if isinstance(error, InfeasibleDecision):
            what = f"decision not allowed: {error_text(error)}"
        elif self.call or allocator:
            what = f"{self.call or 'it'} raised {describe_error(error)}{plug_in_line(error)}"
        else:  # an error of the problem itself
            return
        allocator = allocator or self.name
        # Without "from": it is chained all the same, and the line in the plug-in is already given.
        raise AllocatorError(f"allocator {allocator}: {what} ({_where(self.problem, self.interval, drop)})")


def _where(problem: Problem[State, Obs, Dec], interval: int | None, drop: int | None) -> str:
    ids = problem.drops.ids
    same = drop is not None or len(set(ids)) == 1
    drops = f"drop {ids[0] if drop is None else drop}" if same else f"drops {ids[0]}-{ids[-1]}"
    if interval is None:
        return drops
    time_s = abs(interval) * problem.interval_s
    if interval < 0:
        count = f"{-interval} interval{'' if interval == -1 else 's'}"
        return f"{drops}, in the warm-up, {count} ({time_s:.6g} s) before its end"
    return f"{drops}, interval {interval}, time {time_s:.6g} s"
