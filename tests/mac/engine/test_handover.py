"""The slot engine with handovers: its books, the queue, reports and processes of UEs that change their cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import NAMES, rotate
from handover_cases import AWAY, NAMED, PERIOD, SCENARIO, all_in_turn, mobile
from torch import Tensor

from mac.handover.a3 import UNSERVED
from mac.link_adaptation import harq
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import observe
from phy.random import Drops
from scenarios import load, run
from scenarios.errors import ScenarioError
from scenarios.families import find


@pytest.mark.parametrize("saturated", [False, True])
def test_no_bit_is_made_or_lost(saturated: bool) -> None:
    tested = mobile(Drops(2, (0, 1, 2)), 400, saturated)
    state, total = tested.start(), torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
    returned = torch.zeros(tested.shape, dtype=torch.float64)
    for _ in range(390):
        before = harq.in_flight_bytes(state.harq)
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        total += outcome.counters
        returned += (state.outer_loop_db == 0) * before
        queued = tested.backlog_bits(state) - 8 * (state.arrived[0] - state.arrived[1])
        counted = {name: total[row] for name, row in NAMES.items()}
        left = counted["served_bits"] + counted["dropped_bits"] + counted["lost_bits"] + queued
        assert torch.equal(left, counted["demand_bits"])
    assert total[tested.counters.index("handovers")].sum() > 200
    assert returned.sum() > 0 and counted["served_bits"].sum() > 0


def test_a_user_away_gets_nothing_and_comes_back_with_reports_of_the_new_cell() -> None:
    tested = mobile(Drops(1, (0, 1)), 200, saturated=True)
    plan, state = tested.parts.serving_plan, tested.start()
    assert plan is not None
    for slot in range(180):
        observation = observe(tested, state)
        number = slot // PERIOD
        assert torch.equal(observation.serving, plan.serving[:, number])
        away = plan.served_from_slot[:, number] > slot
        assert torch.equal(observation.need_prbs[away], torch.zeros_like(observation.need_prbs[away]))
        assert not observation.rate_bits[away].any() and not observation.retransmits[away].any()
        if slot % PERIOD == 0 and slot:
            moved = plan.serving[:, number] != plan.serving[:, number - 1]
            assert not state.outer_loop_db[moved].any()
            assert not harq.in_flight_bytes(state.harq)[moved].any()
            assert not torch.stack([report.mean_bits for report in state.reports])[:, moved].any()
        members = observation.roster < tested.shape[1]
        assert torch.equal(members.sum(-1), torch.nn.functional.one_hot(observation.serving, 7).sum(1))
        state, outcome = tested.step(state, all_in_turn(observation.roster, tested), observation.need_prbs)
        assert not outcome.counters[NAMES["served_bits"]][away].any()
        if (slot + 1) % PERIOD == AWAY + 5:
            again = plan.served_from_slot[:, number] == number * PERIOD + AWAY
            assert not again.any() or (observe(tested, state).need_prbs[again] > 0).any()


def test_what_is_granted_to_users_away_is_told_apart_and_costs_no_power() -> None:
    """One user alone holds all PRBs of its cell while it is away: nothing granted, nothing sent, no PRB in use."""
    tested = mobile(Drops(1, (0, 1)), 200, saturated=True)
    plan, state = tested.parts.serving_plan, tested.start()
    assert plan is not None
    row, away_seen = tested.counters.index(UNSERVED), 0
    for slot in range(150):
        observation = observe(tested, state)
        away = plan.served_from_slot[:, slot // PERIOD] > slot
        first = observation.roster.gather(2, _first_of(observation.roster, away, tested.shape[1]))
        user = torch.where(first < tested.shape[1], first, -1).expand(-1, -1, tested.prbs).contiguous()
        state, outcome = tested.step(state, SchedulingDecision(user), observation.need_prbs)
        granted, unserved = outcome.counters[NAMES["granted_prbs"]], outcome.counters[row]
        held = torch.nn.functional.one_hot(user[..., 0].clamp(min=0), tested.shape[1]) * (user[..., :1] >= 0)
        all_prbs = held.sum(1).to(torch.float64) * tested.prbs
        assert torch.equal(granted + unserved, all_prbs)
        assert not granted[away].any() and not unserved[~away].any()
        idle = torch.stack([away[b][user[b, :, 0].clamp(min=0)] | (user[b, :, 0] < 0) for b in range(2)])
        assert not outcome.active_prbs[idle].any()
        away_seen += int((unserved > 0).sum())
    assert away_seen > 50


def _first_of(roster: Tensor, away: Tensor, users: int) -> Tensor:
    """Place of a user in each cell's roster that is away, or else of the first one, ``[B, C, 1]``."""
    gone = torch.nn.functional.pad(away, (0, 1)).gather(1, roster.flatten(1)).view(roster.shape)
    return gone.to(torch.int64).argmax(-1, keepdim=True)


def test_a_drop_alone_is_the_drop_in_a_batch() -> None:
    def drive(ids: tuple[int, ...]) -> Tensor:
        tested = mobile(Drops(1, ids), 200)
        state, total = tested.start(), torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
        for _ in range(190):
            observation = observe(tested, state)
            state, outcome = tested.step(state, rotate_own(observation), observation.need_prbs)
            total += outcome.counters
        return total

    def rotate_own(observation: Any) -> SchedulingDecision:
        users = observation.serving.shape[1]
        members = (observation.roster < users).sum(-1, keepdim=True)
        user = observation.roster.gather(2, observation.slot % members.clamp(min=1))
        return SchedulingDecision(torch.where(user < users, user, -1).repeat(1, 1, observation.rate_bits.shape[-1]))

    assert torch.equal(drive((2,))[:, 0], drive((0, 1, 2, 3))[:, 2])


def test_every_allocator_sees_the_same_handovers_and_traffic(tmp_path: Path) -> None:
    result = run(SCENARIO, out=tmp_path / "run", progress=False, plots=False)
    one, other = (result.to_xarray(name) for name in ("round_robin", "max_rate"))
    for name in (*NAMED, "demand_bits"):
        assert one[name].equals(other[name]), name
    assert float(one.handovers.sum()) > 3
    assert not one.served_bits.equals(other.served_bits)
    metrics = set(result.metrics.metric)
    assert {"handover_rate", "ping_pong_share", "handover_failure_share", "link_failure_rate"} <= metrics
    assert {"interruption_share", "stay_mean"} <= metrics
    alone = run(SCENARIO, ["max_rate"], out=tmp_path / "alone", progress=False, plots=False, drops_per_batch=1)
    assert alone.to_xarray("max_rate").served_bits.equals(other.served_bits)


def test_slices_follow_their_users(tmp_path: Path) -> None:
    users = [{**SCENARIO["users"][0], "slice": "embb"}, {**SCENARIO["users"][0], "name": "more", "slice": "urllc"}]
    data = {
        **SCENARIO,
        "family": "slicing",
        "users": users,
        "allocators": ["equal"],
        "carrier": {"prbs": 12},
        "window_s": 0.25,
        "drops": 1,
    }
    result = run(data, out=tmp_path / "run", progress=False, plots=False).to_xarray("equal")
    assert float(result.handovers.sum()) > 0 and float(result.served_bits.sum()) > 0


def test_no_handover_metrics_without_handovers(tmp_path: Path) -> None:
    data = {key: value for key, value in SCENARIO.items() if key != "handover"}
    result = run(data, ["max_rate"], out=tmp_path / "run", progress=False, plots=False, duration_s=0.1, drops=1)
    assert "handover_rate" not in set(result.metrics.metric) and "handovers" not in result.to_xarray("max_rate")


def test_bad_input() -> None:
    def says(text: str, **changes: Any) -> None:
        with pytest.raises(ScenarioError) as caught:
            find("scheduling").check(load(SCENARIO, **changes))
        assert text in str(caught.value)

    says("cell_offsets_db has 2 values for 7 cells", **{"handover.cell_offsets_db": [0.0, 1.0]})
    says("qin_db is -9", **{"handover.qin_db": -9.0})
    says("time_to_trigger_ms", **{"handover.time_to_trigger_ms": 50})
    says("period_ms", **{"measurements.period_ms": 0.1})
