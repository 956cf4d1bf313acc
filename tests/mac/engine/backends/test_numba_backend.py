"""A slot in compiled loops has the decisions of torch and its numbers up to rounding, over many settings."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from backend_cases import POISSON, Scenario, arrays, both, city, problem, same, tensors, torch_alone
from engine_cases import packets, rotate
from engine_factory import engine
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from allocators.registry import available, is_built_in
from mac.carrier import CarrierSettings
from mac.engine.backends.numba_slot import CompiledSlot
from mac.engine.engine import Engine
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.scheduling import SchedulingDecision, SchedulingObservation
from mac.scheduling.observe import observe
from phy.numerics import threads
from phy.random import Drops

FULL: list[Scenario] = [{"name": "busy", "count": 3, "traffic": {"model": "full_buffer"}}]
ONE_CELL: Scenario = {"layout": "single", "wrap_around": False}
CARS = {"model": "linear", "min_speed_kmh": 300, "max_speed_kmh": 300}
SCHEDULERS = ("round_robin", "proportional_fair", "max_rate", "water_filling", "earliest_deadline", "m_lwdf")


def moving(**more: Any) -> Scenario:
    return city(users=[{"name": "cars", "count": 3, "mobility": CARS, "traffic": POISSON}], duration_s=0.3, **more)


CASES: dict[str, Scenario] = {
    "one cell": city(topology=ONE_CELL),
    "one cell of one user on one PRB": city(
        topology=ONE_CELL, carrier={"prbs": 1}, users=[{"name": "one", "count": 1, "traffic": {"model": "full_buffer"}}]
    ),
    "three sectors": city(topology={**ONE_CELL, "sectors": 3}),
    "21 cells": city(topology={"sectors": 3}),
    "57 cells of one PRB": city(topology={"sites": 19, "sectors": 3}, carrier={"prbs": 1}),
    "more PRBs than fill vectors": city(carrier={"prbs": 67}),
    "queues that overflow": city(queue_bytes=1500, duration_s=0.1),
    "one process of one attempt": city(harq={"processes": 1, "max_attempts": 1}),
    "quick repetitions": city(harq={"round_trip_slots": 1}, topology={"isd_m": 3000}),
    "two processes of two attempts": city(harq={"processes": 2, "round_trip_slots": 5, "max_attempts": 2}),
    "no outer loop": city(link={"outer_loop_step_db": 0}),
    "an outer loop that is held at once": city(link={"outer_loop_limit_db": 0.3, "bler_target": 0.4}),
    "reports seldom and late": city(link={"report_delay_slots": 6, "report_period_slots": 4}),
    "reports at once": city(link={"report_delay_slots": 1}),
    "subbands": city(link={"subband_prbs": 4}),
    "MCS table 1": city(carrier={"mcs_table": 1}),
    "MCS table 3": city(carrier={"mcs_table": 3}),
    "EESM": city(link={"effective_sinr": "eesm"}),
    "users out of range": city(topology={"isd_m": 20000, "wrap_around": False}),
    "empty cells": city(placement="uniform", users=[{"name": "few", "count": 1, "traffic": {"model": "full_buffer"}}]),
    "two interferers fade": city(fading={"dominant_interferers": 2}),
    "no interferer fades": city(fading={"dominant_interferers": 0}),
    "nineteen interferers fade": city(topology={"sectors": 3}, fading={"dominant_interferers": 19}),
    "full buffers": city(users=FULL, link={"report_delay_slots": 1}),
    "full buffers of 21 cells, reports in turn": city(
        users=FULL,
        topology={"sectors": 3},
        carrier={"prbs": 26},
        link={"report_period_slots": 5, "report_offset_slots": "staggered"},
    ),
    "full buffers, subbands, reports of two groups": city(
        users=FULL, link={"subband_prbs": 4, "report_period_slots": 3, "report_offset_slots": [2, 0]}
    ),
    "full buffers, two interferers fade": city(users=FULL, fading={"dominant_interferers": 2}),
    "full buffers and idle PRBs": city(users=FULL, harq={"processes": 2, "round_trip_slots": 5}),
    "reports in turn": city(link={"report_period_slots": 4, "report_offset_slots": "staggered"}),
    "moving users": moving(),
    "handovers": moving(
        handover={"time_to_trigger_ms": 40, "hysteresis_db": 0.5, "offset_db": 0.5},
        measurements={"filter_coefficient": 0},
        topology={"isd_m": 150, "min_distance_m": 10},
    ),
}
SLOW = ("57 cells of one PRB", "moving users", "handovers")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, torch.float32) for name in CASES] + [(name, torch.float64) for name in CASES if name not in SLOW],
)
def test_runs_are_those_of_torch(name: str, dtype: torch.dtype) -> None:
    found = both(CASES[name], dtype=dtype)
    if name == "queues that overflow":
        assert found["dropped_bits"].sum() > 0
    if name == "one process of one attempt":
        assert found["lost_bits"].sum() > 0
    if name == "handovers":
        assert found["handovers"].sum() > 0
    if name == "empty cells":
        assert (found["used_prbs"].sum((0, 1)) == 0).any() or (found["used_prbs"].sum(1) == 0).any()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_under_every_scheduler(scheduler: str) -> None:
    found = both(city(allocators=[scheduler], seed=11, carrier={"prbs": 13}))
    assert found["delay_packets"].sum() > 0


def test_every_scheduler_of_single_users_is_among_them() -> None:
    ours = {name for name in available("scheduling") if is_built_in(name, "scheduling")}
    assert set(SCHEDULERS) == ours - {"mu_proportional_fair"}


@pytest.mark.parametrize("unused", ["lost", "lent"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_under_every_slicing(scheduler: str, unused: str) -> None:
    users = [{"name": n, "slice": n, "count": 2, "traffic": POISSON} for n in ("embb", "urllc")]
    slicing = {"interval_s": 0.02, "unused": unused, "scheduler": scheduler, "min_rbg": 0}
    sections = {"users": users, "slicing": slicing, "window_s": 0.02, "duration_s": 0.06}
    both(city(family="slicing", allocators=["max_weight"], **sections))


links = st.builds(
    LinkSettings,
    report_delay_slots=st.integers(1, 5),
    report_period_slots=st.integers(1, 5),
    subband_prbs=st.sampled_from((1, 1, 2, 3)),
    bler_target=st.sampled_from((0.01, 0.1, 0.5)),
    outer_loop_step_db=st.sampled_from((0.0, 0.1, 2.0)),
    outer_loop_limit_db=st.sampled_from((0.0, 0.7, 15.0)),
)
harqs = st.builds(
    HarqSettings,
    processes=st.integers(1, 9),
    round_trip_slots=st.integers(1, 8),
    max_attempts=st.integers(1, 4),
)


@settings(max_examples=25, deadline=None)
@given(
    links, harqs, st.integers(1, 3), st.integers(1, 40), st.sampled_from((1, 7)), st.integers(0, 2**20), st.booleans()
)
def test_states_are_those_of_torch(
    link: LinkSettings, harq: HarqSettings, per_cell: int, prbs: int, sites: int, seed: int, single: bool
) -> None:
    """Every tensor of the state after some slots, under decisions that grant PRBs to any user or none."""
    drops = Drops(seed, (0, 5))
    parts = engine(
        drops,
        packets(drops, sites * per_cell, 60, 0.4, 5000),
        CarrierSettings(prbs=prbs),
        link,
        harq,
        queue_bytes=8000.0,
        sites=sites,
        per_cell=per_cell,
        dtype=torch.float64 if seed % 2 else torch.float32,
    ).parts
    fast, slow = Engine(parts), Engine(replace(parts, backend="torch"))
    assert (fast.backend.name, slow.backend.name) == ("numba", "torch")
    one, other = fast.start(), slow.start()
    for slot in range(25):
        seen = observe(fast, one)
        decision = scattered(seen, seed + slot)
        one, did = fast.step(one, decision, seen.need_prbs)
        other, has = slow.step(other, decision, observe(slow, other).need_prbs)
        torch.testing.assert_close(did.counters, has.counters, rtol=1e-6, atol=0)
        assert torch.equal(did.active_prbs, has.active_prbs)
    assert tensors(one).keys() == tensors(other).keys()
    for name, value in tensors(one).items():
        exact = not value.is_floating_point()
        near = 0.0 if exact else 1e-4 if torch.float32 in (value.dtype, parts.dtype) else 1e-10
        torch.testing.assert_close(value, tensors(other)[name], rtol=near, atol=0.0, msg=f"{name} differs")
    assert one.sent_bytes.sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_needs_are_those_of_torch(dtype: torch.dtype) -> None:
    """Queues and reports of any size, in every state of a process."""
    tested = problem(city(), dtype=dtype)[0].engine
    state, luck = tested.start(), torch.Generator().manual_seed(1)

    def any_of(*values: float) -> Tensor:
        return torch.tensor(values, dtype=torch.float64)[torch.randint(0, len(values), tested.shape, generator=luck)]

    for _ in range(20):
        report = replace(state.reports[0], mean_bits=any_of(0.0, 1e-12, 1e-9, 0.3, 77.7, 800.0).to(dtype))
        current = state.harq.current.clone()
        current[..., 2] = any_of(1.0, 4.0, 9.0)
        flags = {name: any_of(0.0, 1.0).bool() for name in ("usable", "retransmits")}
        given = replace(
            state,
            waiting_bytes=any_of(0.0, 1.0, 29.0, 1500.5, 2.0**40),
            reports=(report,),
            harq=replace(state.harq, current=current, **flags),
        )
        assert torch.equal(tested.backend.need(given), tested.radio.need(given))


def scattered(observation: SchedulingObservation, seed: int) -> SchedulingDecision:
    """Each PRB to any user of its cell, or to none."""
    luck, (batch, cells, most) = torch.Generator().manual_seed(seed), observation.roster.shape
    place = torch.randint(0, most, (batch, cells, observation.rate_bits.shape[-1]), generator=luck)
    user = observation.roster.gather(2, place)
    return SchedulingDecision(torch.where(user < observation.serving.shape[1], user, -1))


@pytest.mark.parametrize("name", ["21 cells", "one cell", "subbands", "nineteen interferers fade", "moving users"])
def test_a_drop_alone_is_the_drop_in_a_batch(name: str) -> None:
    together = arrays(CASES[name], (3, 7, 8))
    for place, drop in enumerate((3, 7, 8)):
        alone = arrays(CASES[name], (drop,))
        same(alone, {key: values[place : place + 1] for key, values in together.items()})


class Careless:
    """Gives PRBs to users of any cell, to users that do not exist, and to none."""

    def reset(self, context: Any, seed: int) -> None:
        self.shape, self.users = (len(context.drops), context.cells, context.prbs), context.users

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        luck = torch.Generator().manual_seed(observation.slot)
        return SchedulingDecision(torch.randint(-3, self.users + 3, self.shape, generator=luck))


def test_what_is_forbidden_is_mended_alike() -> None:
    found = both(city(on_infeasible="repair"), allocator=Careless())
    assert found["repairs"].sum() > 0


class Sideways:
    """Decides in tensors that do not lie one number after the other."""

    def reset(self, context: Any, seed: int) -> None:
        pass

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        user = rotate(observation).user
        twisted = user.transpose(0, 2).contiguous().transpose(0, 2)
        expanded = user[..., :1].expand(user.shape)  # the whole carrier of a cell goes to one user
        assert not twisted.is_contiguous() and not expanded.is_contiguous()
        return SchedulingDecision(twisted if observation.slot % 2 else expanded)


def test_decisions_may_lie_in_memory_in_any_way() -> None:
    both(city(), allocator=Sideways())


class Collector:
    """Keeps what it sees, and copies of it."""

    def __init__(self) -> None:
        self.kept: list[tuple[Tensor, Tensor]] = []

    def reset(self, context: Any, seed: int) -> None:
        self.kept.clear()

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        for one in fields(observation):
            value = getattr(observation, one.name)
            if isinstance(value, Tensor):
                self.kept.append((value, value.clone()))
        return rotate(observation)


def test_what_an_allocator_keeps_stays_as_it_was() -> None:
    keeper = Collector()
    both(city(carrier={"prbs": 5}, duration_s=0.05), allocator=keeper)
    arrays(city(carrier={"prbs": 5}, duration_s=0.05), allocator=keeper)
    assert len(keeper.kept) >= 500
    assert all(torch.equal(value, before) for value, before in keeper.kept)


def test_a_step_leaves_its_state_as_it_was_and_gives_the_same_again() -> None:
    """Memory that is freed between the two is filled with other numbers."""
    tested = problem(city(carrier={"prbs": 7}))[0].engine
    state = tested.start()
    for _ in range(12):
        observation = observe(tested, state)
        state, _ = tested.step(state, rotate(observation), observation.need_prbs)
    before = {name: value.clone() for name, value in tensors(state).items()}
    observation = observe(tested, state)
    decision = rotate(observation)
    first, did = tested.step(state, decision, observation.need_prbs)
    once = {name: value.clone() for name, value in tensors((first, did)).items()}
    del first, did
    rubbish = [torch.full(value.shape, 7, dtype=value.dtype) for value in once.values() for _ in range(3)]
    again = tensors(tested.step(state, decision, observation.need_prbs))
    assert rubbish and once.keys() == again.keys() and len(once) > 20
    assert all(torch.equal(value, again[name]) for name, value in once.items())
    assert all(torch.equal(value, before[name]) for name, value in tensors(state).items())
    shared = {value.data_ptr() for value in tensors(state.harq).values()}
    assert not shared & {value.data_ptr() for name, value in again.items() if ".harq." in name}


def test_a_switch_leaves_everything_to_torch() -> None:
    with torch_alone():
        assert problem(city())[0].engine.backend.name == "torch"
    found = problem(city())[0].engine
    assert found.backend.name == "numba"
    assert Engine(replace(found.parts, backend="torch")).backend.name == "torch"


def test_loops_send_from_the_first_slot_on() -> None:
    """The form is chosen when the engine is built, and stays."""
    tested = problem(city())[0].engine
    chosen, state = tested.backend, tested.start()
    with torch_alone():
        for _ in range(3):
            seen = observe(tested, state)
            state, _ = tested.step(state, rotate(seen), seen.need_prbs)
    assert tested.backend is chosen and isinstance(chosen, CompiledSlot)


def test_threads_do_not_change_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_WORTH_A_THREAD", 0)
    before = torch.get_num_threads()
    one = arrays(city(), (0, 1, 2, 3, 4))
    try:
        torch.set_num_threads(3)
        several = arrays(city(), (0, 1, 2, 3, 4))
    finally:
        torch.set_num_threads(before)
    same(one, several)
    assert np.isfinite(one["energy_j"]).all()
