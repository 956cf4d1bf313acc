"""Slots that run in place are those that run one after the other, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from backend_cases import Scenario, city, problem, tensors

from allocators.scheduling import proportional_fair
from allocators.scheduling.in_place import run_in_place
from allocators.scheduling.proportional_fair import ProportionalFair
from mac.core.loop import Span, run
from mac.core.recorder import Windows
from mac.scheduling import SchedulingDecision, SchedulingObservation

FULL: list[Scenario] = [{"name": "busy", "count": 2, "traffic": {"model": "full_buffer"}}]
SPAN = Span(intervals=120, warmup=30, window=60)


def busy(**more: Any) -> Scenario:
    return city(users=FULL, window_s=0.06, duration_s=0.12, warmup_s=0.03, carrier={"prbs": 9}, **more)


CASES: dict[str, Scenario] = {
    "reports at once": busy(link={"report_delay_slots": 1}),
    "reports in turn": busy(link={"report_period_slots": 5, "report_offset_slots": "staggered"}),
    "reports of two groups, later than a period": busy(
        link={"report_period_slots": 3, "report_delay_slots": 7, "report_offset_slots": [2, 0]}
    ),
    "reports seldom": busy(link={"report_period_slots": 9, "report_delay_slots": 3, "report_offset_slots": 4}),
    "idle PRBs, and cells that sleep": busy(harq={"processes": 2, "round_trip_slots": 5}, power={"sleeps": True}),
    "idle PRBs, one interferer fades": busy(
        harq={"processes": 2, "round_trip_slots": 5}, fading={"dominant_interferers": 1}
    ),
}


class OneByOne:
    """Decides as proportional fair does, slot by slot."""

    def __init__(self) -> None:
        self.inner, self.decisions = ProportionalFair(), 0

    def reset(self, context: Any, seed: int) -> None:
        self.inner.reset(context, seed)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        self.decisions += 1
        return self.inner.decide(observation)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts of slots that ran in place, 0 where they were left to themselves."""
    found: list[int] = []

    def noted(*given: Any) -> Any:
        several = run_in_place(*given)
        found.append(0 if several is None else several[1].intervals)
        return several

    monkeypatch.setattr(proportional_fair, "run_in_place", noted)
    return found


def windows(scenario: Scenario, allocator: Any, ids: tuple[int, ...] = (0, 1)) -> Windows:
    return run(problem(scenario, ids)[0], allocator, SPAN)


def require_same(found: Windows, wanted: Windows) -> None:
    assert found.arrays.keys() == wanted.arrays.keys()
    for name, values in found.arrays.items():
        assert np.array_equal(values, wanted.arrays[name], equal_nan=True), name


@pytest.mark.parametrize("name", CASES)
def test_results_are_those_of_slots_one_by_one(name: str, ran: list[int]) -> None:
    single = OneByOne()
    found, wanted = windows(CASES[name], ProportionalFair()), windows(CASES[name], single)
    assert sum(ran) == single.decisions == 150 and len(ran) < 20
    require_same(found, wanted)
    assert found.arrays["served_bits"].sum() > 0
    if "idle" in name:
        assert (found.arrays["used_prbs"] < 60 * 9).any()


def test_a_drop_alone_is_the_drop_in_a_batch() -> None:
    scenario = CASES["idle PRBs, and cells that sleep"]
    together, alone = windows(scenario, ProportionalFair(), (3, 7)), windows(scenario, ProportionalFair(), (7,))
    for name, values in alone.arrays.items():
        assert np.array_equal(values[0], together.arrays[name][1], equal_nan=True), name


def test_a_state_is_left_as_it_was_and_runs_again_alike() -> None:
    tested = problem(CASES["reports in turn"])[0]
    allocator = ProportionalFair()
    allocator.reset(tested.context, 0)
    state = tested.start()
    for _ in range(2):
        state, _, _ = allocator.run_intervals(tested, state, 3)
    before = {name: value.clone() for name, value in tensors(state).items()}
    average = allocator._average._bits.clone()
    first, outcome, _ = allocator.run_intervals(tested, state, 9)
    assert outcome.intervals == 9 and first.cells.slot == state.cells.slot + 9
    once = {name: value.clone() for name, value in tensors(first).items()}
    allocator._average._bits = average
    again, _, _ = allocator.run_intervals(tested, state, 9)
    assert all(torch.equal(value, before[name]) for name, value in tensors(state).items())
    assert all(torch.equal(value, once[name]) for name, value in tensors(first).items())
    assert all(torch.equal(value, once[name]) for name, value in tensors(again).items())


@pytest.mark.parametrize(
    "scenario",
    [city(), busy(link={"subband_prbs": 3}), busy(on_infeasible="repair"), busy(record_slots_of=[0])],
    ids=["traffic that comes and goes", "subbands", "repair", "every slot of a UE recorded"],
)
def test_all_else_runs_slot_by_slot(scenario: Scenario, ran: list[int]) -> None:
    run(problem(scenario)[0], ProportionalFair(), Span(intervals=10, window=10))
    assert ran == [0] * 10


def test_time_is_divided_among_decisions_and_steps() -> None:
    found = windows(CASES["reports at once"], ProportionalFair())
    assert found.timing["decide"] > 0 and found.timing["step"] > 0 and found.timing["observe"] == 0


def test_a_plug_in_is_never_asked() -> None:
    class Curious(ProportionalFair):
        """Would see the truth."""

        def run_intervals(self, problem: Any, state: Any, most: int) -> Any:
            raise AssertionError("it was asked")

    windows(CASES["reports at once"], Curious())
