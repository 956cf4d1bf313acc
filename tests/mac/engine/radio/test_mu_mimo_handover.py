"""Several users on a PRB while they change their cells."""

from __future__ import annotations

import torch
from mimo_handover_cases import engine

from allocators.scheduling.mu_proportional_fair import MultiUserProportionalFair
from mac.engine.engine import Engine
from mac.engine.radio.mu_mimo import DirectionReport, MuMimo
from mac.engine.state import CellState
from mac.scheduling.feasible import require_scheduling
from mac.scheduling.observe import context_of, observe


def drive(ids: tuple[int, ...], slots: int) -> tuple[Engine, CellState, torch.Tensor, int]:
    tested = engine(ids, precoding="rzf", users_per_prb=2)
    assert isinstance(tested.radio, MuMimo)
    allocator, state, moves = MultiUserProportionalFair(max_similarity=0.9), tested.start(), 0
    allocator.reset(context_of(tested), 1)
    total = torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
    for _ in range(slots):
        before, observation = state.attached.serving, observe(tested, state)
        decision = require_scheduling(allocator.decide(observation), observation, context_of(tested))
        state, outcome = tested.step(state, decision, observation.need_prbs)
        moved, total = state.attached.serving != before, total + outcome.counters
        moves += int(moved.sum())
        for report in state.reports:
            assert isinstance(report, DirectionReport)
            assert not report.bits[moved].any() and not report.rows[moved][..., 1:].any()
            power = report.rows.abs().square().sum(-1)
            torch.testing.assert_close(power, report.sinr, rtol=1e-4, atol=0)
    return tested, state, total, moves


def test_users_of_a_new_cell_begin_with_new_reports_and_share_again() -> None:
    _, state, total, moves = drive((0, 2), 200)
    assert moves > 0 and torch.isfinite(total).all() and float(total[0].sum()) > 0
    _, alone, one, _ = drive((2,), 200)
    assert torch.equal(one[:, 0], total[:, 1])
    assert torch.equal(alone.reports[0].bits[0], state.reports[0].bits[1])
