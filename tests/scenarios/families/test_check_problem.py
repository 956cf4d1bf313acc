"""The state of every registered family is a value, in each preset and in the family of the tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest
import torch
from golden_runs import SHORT
from toy_family import Even, ToyProblem, ToyScenario, ToyState

from allocators.registry import resolve
from mac.core.check_problem import NotComparable, StateNotAValue, check_problem
from mac.slicing.problem import SlicingProblem
from mac.traffic.trace_paths import resolve as find_traces
from phy.random import Drops
from scenarios import families, load
from scenarios.families.schema import ScenarioBase

CPU = torch.device("cpu")
SMALL: dict[str, dict[str, Any]] = {
    "slicing-quickstart": {"slicing.interval_s": 0.02, "duration_s": 0.2, "warmup_s": 0, "window_s": 0.02},
    "slicing-tractor": {"slicing.interval_s": 0.05, "window_s": 0.05},
    "slicing-tractor-loaded": {"slicing.interval_s": 0.05, "window_s": 0.05},
    "scheduling-macro": {"topology.sectors": 1, "topology.sites": 7, "carrier.prbs": 6},
    "uplink-macro": {"topology.sectors": 1, "topology.sites": 7, "carrier.prbs": 6},
    "mobility-macro": {"topology.sites": 7},
    "scheduling-urllc": {"topology.sectors": 1},
    "scheduling-rural": {"topology.sectors": 1, "carrier.bandwidth_hz": 5e6},
    "comp-corner": {"comp.interval_s": 0.02, "duration_s": 0.06, "window_s": 0.02},
    "city-evening": {"comp.interval_s": 0.02, "slicing.interval_s": 0.04, "duration_s": 0.08, "window_s": 0.04},
    "wsn-large": {"field.nodes": 200},
}
DATA = {
    "slicing-tractor": "tractor/raw/embb*.csv",
    "slicing-tractor-loaded": "tractor/raw/embb*.csv",
    "auction-google2011": "google2011/part-00000-of-00500.csv.gz",
}
INTERVALS = {
    "scheduling": 60,
    "slicing": 4,
    "uav": 8,
    "wsn": 6,
    "market": 3,
    "comp": 3,
    "auction": 3,
    "personalized": 2,
}
"""Steps of a check: they reach over a block of slots."""


def scenario_of(preset: str, **changes: Any) -> ScenarioBase:
    return load(preset, **{**SHORT[preset], **SMALL.get(preset, {}), "drops": 2, "device": "cpu", **changes})


def check(scenario: ScenarioBase, allocator: str | None = None, intervals: int | None = None) -> Any:
    family = families.find(scenario.family)
    problem = family.build(scenario, Drops(scenario.seed, (0, 3)), CPU, torch.float32)
    entry = scenario.allocators[0]
    made = resolve(allocator or entry.name, family.allocator_family, {} if allocator else dict(entry.params))
    check_problem(problem, made, intervals or INTERVALS[scenario.family])
    return problem


@pytest.mark.parametrize("preset", SHORT)
def test_the_state_of_every_preset_is_a_value(preset: str) -> None:
    if preset in DATA:
        try:
            find_traces((DATA[preset],), ())
        except ValueError:
            pytest.skip(f"{DATA[preset]} is neither in $FAIRWAVE_DATA nor in ../shared/data")
    check(scenario_of(preset))


def test_every_family_has_a_preset_that_is_checked() -> None:
    assert {scenario_of(preset).family for preset in SHORT} == set(INTERVALS) == set(families.names())


@pytest.mark.parametrize("allocator", ["round_robin", "m_lwdf", "earliest_deadline"])
def test_delays_and_queues_are_part_of_the_state(allocator: str) -> None:
    traffic = {"users.phone.traffic": {"model": "poisson", "rate_bps": 2e6, "packet_bytes": 500}}
    changes = {key.replace("phone", name): value for key, value in traffic.items() for name in groups()}
    check(scenario_of("scheduling-macro", **changes), allocator)


def groups() -> list[str]:
    return [group.name for group in scenario_of("scheduling-macro").users]  # type: ignore[attr-defined]


@pytest.mark.parametrize("scheduler", ["round_robin", "proportional_fair"])
def test_what_the_scheduler_below_slices_remembers_is_part_of_the_state(scheduler: str) -> None:
    problem = check(scenario_of("slicing-quickstart", **{"slicing.scheduler": scheduler}))
    assert isinstance(problem, SlicingProblem)


def toy(kind: type[ToyProblem] = ToyProblem) -> ToyProblem:
    scenario = ToyScenario.model_validate({"name": "toy", "family": "toy", "duration_s": 9.0, "allocators": ["even"]})
    return kind(scenario, Drops(1, (0, 1)), torch.float64)


def test_the_toy_family() -> None:
    check_problem(toy(), Even())


class Writes(ToyProblem):
    """Writes into the state that it is given."""

    def step(self, state: Any, decision: torch.Tensor, /) -> Any:
        after = super().step(state, decision)
        state.demand_bits.mul_(0.5)
        return after


class Remembers(ToyProblem):
    """Counts its steps."""

    steps = 0

    def step(self, state: Any, decision: torch.Tensor, /) -> Any:
        self.steps += 1
        after, outcome = super().step(state, decision / self.steps)
        return after, outcome


class StartsAnew(ToyProblem):
    """Starts with other numbers each time."""

    starts = 0

    def start(self) -> Any:
        self.starts += 1
        return self._state(self.starts)


class StartsLate(ToyProblem):
    """Starts elsewhere once it was stepped."""

    steps = 0

    def start(self) -> Any:
        return self._state(min(self.steps, 1) * 7)

    def step(self, state: Any, decision: torch.Tensor, /) -> Any:
        self.steps += 1
        return super().step(state, decision)


class ReplacesContext(ToyProblem):
    """Tells allocators of one more user at each step."""

    def step(self, state: Any, decision: torch.Tensor, /) -> Any:
        self.context = replace(self.context, users=self.context.users + 1)
        return super().step(state, decision)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Writes, "wrote into the state of step 3: state.demand_bits differs"),
        (Remembers, "step 3 gave another outcome when its state was stepped again: served_bits differs"),
        (StartsAnew, "start.. gave two different states: state.interval differs"),
        (StartsLate, "start.. gave another state after steps: state.interval differs"),
        (ReplacesContext, r"steps changed problem\.context: users differs"),
    ],
)
def test_a_problem_whose_state_is_no_value_is_found_out(kind: type[ToyProblem], says: str) -> None:
    with pytest.raises(StateNotAValue, match=says):
        check_problem(toy(kind), Even())


@dataclass(frozen=True)
class NotingState(ToyState):
    """Holds something more, which steps hand on."""

    seen: Any = None


def noting(make: Callable[[], Any], write: Callable[[Any, int], object]) -> type[ToyProblem]:
    """Makes a problem whose steps write into what its state holds, or only read it."""

    class Noting(ToyProblem):
        def start(self) -> Any:
            first = super().start()
            return NotingState(first.interval, first.demand_bits, make())

        def step(self, state: Any, decision: torch.Tensor, /) -> Any:
            after, outcome = super().step(state, decision)
            write(state.seen, state.interval)
            return NotingState(after.interval, after.demand_bits, state.seen), outcome

    return Noting


class Slotted:
    """Has no ``__dict__``."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def count_up(seen: Any, interval: int) -> None:
    seen.count += 1


HOLDS: dict[str, tuple[Callable[[], Any], Callable[[Any, int], object]]] = {
    "slots": (Slotted, count_up),
    "set": (set, lambda seen, interval: seen.add((interval, len(seen)))),
    "deque": (deque, lambda seen, interval: seen.append(interval)),
    "bytearray": (bytearray, lambda seen, interval: seen.append(interval)),
    "list": (list, lambda seen, interval: seen.append(interval)),
    "dict": (dict, lambda seen, interval: seen.update({interval: len(seen)})),
    "bfloat16": (lambda: torch.ones(3, dtype=torch.bfloat16), lambda seen, interval: seen.add_(1)),
    "sparse": (lambda: torch.eye(3).to_sparse(), lambda seen, interval: seen.mul_(2)),
}


@pytest.mark.parametrize("what", HOLDS)
def test_whatever_a_state_holds_is_looked_into(what: str) -> None:
    make, write = HOLDS[what]
    check_problem(toy(noting(make, lambda seen, interval: None)), Even())
    with pytest.raises(StateNotAValue, match=r"wrote into the state of step 3: state\.seen(\.count)? differs"):
        check_problem(toy(noting(make, write)), Even())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: pd.DataFrame({"a": [1, 2]}), r"state\.seen is a DataFrame, which cannot be compared: hold it as"),
        (lambda: [iter([1, 2])], r"state\.seen\[0\] is a list_iterator, which cannot be compared"),
        (lambda: torch.ones(2, device="meta"), r"state\.seen is a tensor of torch\.float32, .* on meta, which cannot"),
    ],
)
def test_what_cannot_be_compared_is_named(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(NotComparable, match=says):
        check_problem(toy(noting(make, lambda seen, interval: None)), Even())


@pytest.mark.parametrize("intervals", [0, -3])
def test_a_check_without_steps_is_refused(intervals: int) -> None:
    with pytest.raises(ValueError, match=f"intervals must be 1 or more, given {intervals}"):
        check_problem(toy(), Even(), intervals=intervals)
