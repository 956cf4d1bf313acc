"""What allocators may not do in a run: leave it without a word, or write into what they are shown."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mac.core import loop
from mac.core.allocator_guard import AllocatorGuard
from mac.core.contracts import AllocatorError, ArraySpec, Outcome
from mac.core.stacked_allocators import StackedAllocators
from phy.random import Drops


@dataclass(frozen=True)
class Context:
    drops: Drops


@dataclass(frozen=True)
class Seen:
    """An observation with a tensor of the problem's own."""

    number: int
    truth: Tensor


@dataclass(frozen=True)
class Said:
    """A decision."""

    value: Tensor


class Problem:
    """Serves what is decided; shows its own truth. May have a helper of its own, as slices have their scheduler."""

    interval_s = 0.5
    array_specs: Mapping[str, ArraySpec] = {}

    def __init__(self, helper: Any = None) -> None:
        self.drops = Drops(1, (4, 5))
        self.truth, self.helper = torch.ones(2, 3), helper

    @property
    def context(self) -> Context:
        return Context(self.drops)

    def start(self) -> int:
        if self.helper is not None:
            self.helper.reset(self.context, 0)
        return 0

    def observe(self, state: int, /) -> Seen:
        return Seen(state, self.truth)

    def step(self, state: int, decision: Said, /) -> tuple[int, Outcome]:
        if self.helper is not None:
            self.helper.decide(self.observe(state))
        zero = torch.zeros(2, 3)
        return state + 1, Outcome(decision.value, zero, zero, zero, torch.zeros(2))


class Fine:
    """Decides what it sees."""

    def reset(self, context: Any, seed: int) -> None:
        return None

    def decide(self, observation: Seen) -> Said:
        return Said(observation.truth.clone())


def spoilt(method: str, deed: Callable[[Any], Any]) -> Fine:
    """A fine allocator with a method that does something else from its second call on, or at once in reset()."""
    allocator: Any = Fine()
    own, calls = getattr(allocator, method), []

    def other(*arguments: Any) -> Any:
        calls.append(1)
        if method == "reset" or len(calls) > 1:
            deed(arguments[0])
        return own(*arguments)

    setattr(allocator, method, other)
    found: Fine = allocator
    return found


def raises(error: BaseException) -> Callable[[Any], Any]:
    def deed(_: Any) -> None:
        raise error

    return deed


def complaint(allocator: Any, helper: Any = None) -> str:
    with pytest.raises(AllocatorError) as caught:
        loop.run(Problem(helper), allocator, loop.Span(intervals=4, window=2), "mine")
    assert isinstance(caught.value.__context__, BaseException)
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SystemExit(0), "SystemExit: 0"),
        (GeneratorExit(), "GeneratorExit"),
        (StopIteration(), "StopIteration"),
        (RuntimeError("no"), "RuntimeError: no"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_whatever_it_raises_is_told(error: BaseException, told: str) -> None:
    line = r"\(tests/mac/core/test_allocator_guard\.py, line \d+\)"
    text = complaint(spoilt("decide", raises(error)))
    at = r"\(drops 4-5, interval 1, time 0\.5 s\)"
    assert re.fullmatch(rf"allocator mine: decide\(\) raised {told} {line} {at}", text)
    text = complaint(spoilt("reset", raises(error)))
    assert re.fullmatch(rf"allocator mine: reset\(\) raised {told} {line} \(drops 4-5\)", text)


class Unspeakable(Exception):
    """Its text raises, and so does setting or reading an attribute."""

    def __str__(self) -> str:
        raise SystemExit(0)

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(name)

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize("method", ["reset", "decide"])
def test_an_error_whose_text_raises_is_told_by_its_type(method: str) -> None:
    said = r"raised Unspeakable: its text cannot be shown, Unspeakable.__str__ raised SystemExit \(tests/"
    assert re.search(said, complaint(spoilt(method, raises(Unspeakable()))))
    held = {"good": AllocatorGuard(Fine(), "good"), "bad": AllocatorGuard(spoilt(method, raises(Unspeakable())), "bad")}
    assert complaint(StackedAllocators(held, lambda decision, *_: decision)).startswith("allocator bad: ")


@pytest.mark.parametrize(
    ("method", "read", "hint"),
    [
        ("decide", "turth", "'Seen' object has no attribute 'turth'; did you mean observation.truth?"),
        ("decide", "drops", "'Seen' object has no attribute 'drops'; did you mean context.drops?"),
        ("decide", "zzz", "no attribute 'zzz': the observation has number, truth; the context has drops"),
        ("reset", "drop", "'Context' object has no attribute 'drop'; did you mean context.drops?"),
    ],
)
def test_a_missing_attribute_is_looked_for_in_observation_and_context(method: str, read: str, hint: str) -> None:
    assert hint in complaint(spoilt(method, lambda seen: getattr(seen, read)))


def test_missing_attributes_of_other_things_get_no_hint() -> None:
    assert "did you mean" not in complaint(spoilt("decide", lambda seen: "".jion(())))  # type: ignore[attr-defined]


def test_an_error_passes_through_generators_as_itself() -> None:
    """A StopIteration that leaves a generator is taken for its end, or turned into a RuntimeError."""

    def runs() -> Any:
        yield loop.run(Problem(), spoilt("decide", raises(StopIteration())), loop.Span(4), "mine")

    with pytest.raises(AllocatorError, match="StopIteration"):
        list(runs())


def test_ctrl_c_is_nobodys_fault() -> None:
    with pytest.raises(KeyboardInterrupt):
        loop.run(Problem(), spoilt("decide", raises(KeyboardInterrupt())), loop.Span(4))


WRITES: dict[str, Callable[[Seen], Any]] = {
    "in place": lambda seen: seen.truth.zero_(),
    "one element": lambda seen: seen.truth.__setitem__((0, 0), 5.0),
    "a view": lambda seen: seen.truth[1].mul_(2),
    "out": lambda seen: torch.add(seen.truth, 1, out=seen.truth),
}


@pytest.mark.parametrize("deed", WRITES)
def test_writing_into_the_observation_is_refused(deed: str) -> None:
    text = complaint(spoilt("decide", WRITES[deed]))
    assert "allocator mine" in text
    assert "wrote into observation.truth" in text
    assert ".clone()" in text
    assert "interval 1" in text


def test_reading_and_copying_are_allowed() -> None:
    windows = loop.run(Problem(), spoilt("decide", lambda seen: seen.truth.clone().zero_()), loop.Span(4, window=2))
    assert (windows.arrays["served_bits"] == 2.0).all()


def test_an_observation_that_is_a_tensor_is_watched_too() -> None:
    class Writes:
        def decide(self, observation: Tensor) -> Tensor:
            return observation.add_(1)

    with pytest.raises(ValueError, match="wrote into the observation"):
        AllocatorGuard(Writes(), "x").decide(torch.zeros(3))
    with torch.inference_mode():
        frozen = torch.zeros(3)
    with pytest.raises(ValueError, match="wrote into the observation"):
        AllocatorGuard(Writes()).decide(frozen)
    assert not frozen.any()


@pytest.mark.parametrize("deed", [raises(SystemExit(3)), raises(StopIteration()), lambda seen: seen.truth.zero_()])
def test_side_by_side_the_culprit_is_named(deed: Callable[[Any], Any]) -> None:
    def require(decision: Said, observation: Seen, context: Any) -> Said:
        return decision

    held = {"good": AllocatorGuard(Fine(), "good"), "bad": AllocatorGuard(spoilt("decide", deed), "bad")}
    assert complaint(StackedAllocators(held, require)).startswith("allocator bad: ")


@pytest.mark.parametrize("method", ["reset", "decide"])
def test_an_allocator_inside_the_problem_is_named(method: str) -> None:
    helper = AllocatorGuard(spoilt(method, raises(SystemExit(0))), "inner (slicing.scheduler)")
    text = complaint(Fine(), helper)
    assert text.startswith("allocator inner (slicing.scheduler): it raised SystemExit: 0 (")
    assert "(drops 4-5" in text


PLUG = """
import torch
from allocators.slicing.apportionment import apportion

class Plug:
    def reset(self, context, seed):
        if self.fails == "reset":
            raise ValueError("no weights")

    def decide(self, observation):
        if self.fails == "unpacking":
            one, other = (1,)
        if self.fails == "torch":
            return torch.nn.functional.softmax("text", -1)
        return apportion(None, 1, None)
"""


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ("reset", "reset() raised ValueError: no weights (plug.py, line 8) (drops 4-5)"),
        ("unpacking", "(expected 2, got 1) (plug.py, line 12) (drops 4-5, interval 0, time 0 s)"),
        ("torch", " (plug.py, line 14) (drops 4-5, interval 0"),
        ("a helper of fairwave's", " (plug.py, line 15) (drops 4-5, interval 0"),
    ],
)
def test_the_line_of_the_plug_in_is_told(
    fails: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plug.py").write_text(PLUG, "utf-8")
    space: dict[str, Any] = {}
    exec(compile(PLUG, str(tmp_path / "plug.py"), "exec"), space)
    plug = space["Plug"]()
    plug.fails = fails
    assert says in complaint(plug)


def test_a_method_that_takes_other_arguments_is_not_a_fault_of_fairwave() -> None:
    class Short(Fine):
        def reset(self, context: Any) -> None:  # type: ignore[override]
            return None

    text = complaint(Short())
    assert "reset() takes 2 positional arguments but 3 were given" in text
    assert text.endswith("(drops 4-5)") and "arms_length" not in text


def test_before_the_first_interval_no_time_is_told() -> None:
    with pytest.raises(AllocatorError) as caught:
        loop.run(Problem(), spoilt("reset", raises(ValueError("no"))), loop.Span(4, warmup=2), "mine")
    assert "interval" not in str(caught.value) and "time" not in str(caught.value)


def test_the_problems_own_failure_is_not_blamed_on_an_allocator() -> None:
    problem = Problem()
    problem.step = lambda state, decision: sys.intern(3)  # type: ignore
    with pytest.raises(TypeError):
        loop.run(problem, Fine(), loop.Span(4))
