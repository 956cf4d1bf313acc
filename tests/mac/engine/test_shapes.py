"""Every kind of air and every odd shape: a drop is the same alone, among three and among five, and keeps its books."""

from __future__ import annotations

import warnings

import pytest
import torch
from engine_cases import NAMES
from shape_cases import SLOTS, Case, build

from mac.engine.engine import Engine
from mac.engine.state import CellState
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import in_flight_bytes
from mac.scheduling import SchedulingDecision, SchedulingObservation
from mac.scheduling.observe import observe

CASES = {
    "one user": Case(users=1),
    "37 users": Case(users=37),
    "37 users, float64, saturated": Case(users=37, dtype=torch.float64, saturated=True),
    "one user a cell": Case(users=1, sites=7, sectors=3),
    "one site of three sectors": Case(sites=1, sectors=3, dtype=torch.float64),
    "57 cells": Case(users=1, sites=19, sectors=3),
    "anywhere": Case(users=2, sites=7, placement="uniform"),
    "street": Case(sites=7, model="umi"),
    "country": Case(sites=7, model="rma"),
    "free space with rays": Case(sites=7, model="free_space", indoor=0.0),
    "free space without": Case(sites=7, model="free_space", fading="none"),
    "numerology 1, table 2": Case(sites=7, numerology=1, mcs_table=2),
    "numerology 2, table 3": Case(sites=7, numerology=2, mcs_table=3, saturated=True),
    "numerology 3, subbands": Case(sites=7, numerology=3, link=LinkSettings(subband_prbs=4)),
    "rare reports": Case(sites=7, link=LinkSettings(report_period_slots=7, report_delay_slots=2)),
    "eesm": Case(sites=7, link=LinkSettings(effective_sinr="eesm"), saturated=True),
    "standing still": Case(sites=7, speed_mps=0.0),
}


def rotate(observation: SchedulingObservation) -> SchedulingDecision:
    """The whole carrier to each of a cell's users in turn, ready to send or not; the width of the roster is no input.

    The roster is as wide as the fullest cell of the *batch*, so a turn modulo that width would depend on the batch.
    """
    members = (observation.roster < observation.serving.shape[1]).sum(-1, keepdim=True)
    user = observation.roster.gather(2, observation.slot % members.clamp(min=1))
    user = torch.where(members > 0, user, -1)
    return SchedulingDecision(user.repeat(1, 1, observation.rate_bits.shape[2]))


def run(case: Case, ids: tuple[int, ...]) -> tuple[Engine, CellState, torch.Tensor, torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # ranges of the path-loss formulas
        engine = build(case, ids)
    state, total = engine.start(), torch.zeros(len(NAMES), *engine.shape, dtype=torch.float64)
    late = torch.zeros(engine.shape, dtype=torch.float64)
    for _ in range(SLOTS):
        observation = observe(engine, state)
        state, outcome = engine.step(state, rotate(observation), observation.need_prbs)
        total += outcome.counters
        late += outcome.delays.delay_s if outcome.delays else 0.0
    return engine, state, total, late


@pytest.mark.parametrize("name", CASES)
def test_a_drop_is_the_same_in_every_batch_and_keeps_its_books(name: str) -> None:
    case = CASES[name]
    engine, state, total, late = run(case, (0, 1, 2, 3, 4))
    for ids in ((3,), (2, 3, 0)):
        _, other, counters, delays = run(case, ids)
        row = ids.index(3)
        assert torch.equal(total[:, 3], counters[:, row])
        assert torch.equal(late[3], delays[row])
        assert torch.equal(state.harq.blocks[3], other.harq.blocks[row])
        assert torch.equal(state.outer_loop_db[3], other.outer_loop_db[row])
        assert torch.equal(state.reports[-1].bits[3], other.reports[-1].bits[row])
    assert torch.isfinite(total).all()
    assert total[NAMES["served_bits"]].sum() > 0
    flying = in_flight_bytes(state.harq)
    served, lost, demand, dropped = (
        total[NAMES[one]] for one in ("served_bits", "lost_bits", "demand_bits", "dropped_bits")
    )
    waiting = torch.zeros_like(flying) if case.saturated else state.waiting_bytes - state.arrived[0] + state.arrived[1]
    assert torch.allclose(demand - dropped, served + lost + 8 * (waiting + flying))
    most = engine.parts.tables.block_bytes.max() * 8 * SLOTS
    cell = torch.zeros(engine.shape[0], engine.cells, dtype=torch.float64).scatter_add_(
        1, engine.parts.channel.serving, served
    )
    assert (cell <= most).all()


def test_some_cells_are_empty_and_some_are_full() -> None:
    """Otherwise the cases above would not be what they say."""
    engine = run(CASES["anywhere"], (3, 6, 9))[0]
    members = (engine.roster < engine.shape[1]).sum(-1)
    assert members.min() == 0
    assert members.max() > 3


def test_threads_do_not_matter() -> None:
    """Sums over the cells and PRBs of a link are not cut among threads."""
    case = Case(users=12, sites=7)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = run(case, (0, 1))[2]
        torch.set_num_threads(2)
        two = run(case, (0, 1))[2]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)
