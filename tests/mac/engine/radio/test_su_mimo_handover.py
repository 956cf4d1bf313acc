"""The slot engine with panels while users change their cells: matrices, reports, books, a drop in a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import NAMES
from handover_cases import NAMED, SCENARIO
from mimo_handover_cases import PANELS, engine
from torch import Tensor

from mac.engine.radio.su_mimo import RankReport
from mac.engine.state import CellState
from mac.link_adaptation import harq
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import observe
from scenarios import run


def rotate_own(observation: Any) -> SchedulingDecision:
    """Each cell gives all to one of its users, in turn."""
    users = observation.serving.shape[1]
    members = (observation.roster < users).sum(-1, keepdim=True)
    user = observation.roster.gather(2, observation.slot % members.clamp(min=1))
    return SchedulingDecision(torch.where(user < users, user, -1).repeat(1, 1, observation.rate_bits.shape[-1]))


def reports(state: CellState) -> list[RankReport]:
    assert all(isinstance(report, RankReport) for report in state.reports)
    return list(state.reports)  # type: ignore[arg-type]


@pytest.mark.parametrize("precoding", ["codebook", "svd"])
def test_users_hear_their_own_cell_first_and_begin_with_new_reports(precoding: str) -> None:
    tested = engine(precoding=precoding)
    state, total, moves = tested.start(), torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64), 0
    returned = torch.zeros(tested.shape, dtype=torch.float64)
    for _ in range(200):
        before, held = state.attached.serving, state.block.response.first_slot
        around = state.block.response.cells
        assert torch.equal(around.heard[..., 0], before)
        assert not around.rest_snr.gather(2, around.heard).any()
        observation = observe(tested, state)
        flying = harq.in_flight_bytes(state.harq)
        state, outcome = tested.step(state, rotate_own(observation), observation.need_prbs)
        total += outcome.counters
        moved = state.attached.serving != before
        moves += int(moved.sum())
        if moved.any():
            assert state.slot > held and state.block.response.first_slot == state.slot
            for report in reports(state):
                assert not report.bits[moved].any() and (report.rank[moved] == 1).all()
                power = (report.columns[moved] * tested.radio._scale[:, None][: report.columns.shape[3]]).abs().square()
                assert float(power[:, :, 0, :, 0].sum(-1).min()) == pytest.approx(1.0)
            returned += flying * moved
        queued = tested.backlog_bits(state) - 8 * (state.arrived[0] - state.arrived[1])
        counted = {name: total[row] for name, row in NAMES.items()}
        left = counted["served_bits"] + counted["dropped_bits"] + counted["lost_bits"] + queued
        assert torch.equal(left, counted["demand_bits"])
    assert moves >= 4 and counted["served_bits"].sum() > 0
    assert float(counted["first_nack"].sum() / counted["first_tx"].sum()) < 0.35


def test_a_drop_alone_is_the_drop_in_a_batch() -> None:
    def drive(ids: tuple[int, ...]) -> Tensor:
        tested = engine(ids)
        state, total = tested.start(), torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
        for _ in range(90):
            observation = observe(tested, state)
            state, outcome = tested.step(state, rotate_own(observation), observation.need_prbs)
            total += outcome.counters
        return total

    assert torch.equal(drive((2,))[:, 0], drive((0, 2))[:, 1])


def test_every_allocator_sees_the_same_handovers(tmp_path: Path) -> None:
    case = {**SCENARIO, "mimo": {**PANELS, "refresh_slots": 10}, "duration_s": 0.3, "drops": 1}
    case["link"] = {"report_period_slots": 10}
    result = run(case, out=tmp_path / "run", progress=False, plots=False)
    one, other = (result.to_xarray(name) for name in ("round_robin", "max_rate"))
    for name in (*NAMED, "demand_bits"):
        assert one[name].equals(other[name]), name
    assert not one.served_bits.equals(other.served_bits)
    alone = run(case, ["max_rate"], out=tmp_path / "alone", progress=False, plots=False)
    assert alone.to_xarray("max_rate").served_bits.equals(other.served_bits)
