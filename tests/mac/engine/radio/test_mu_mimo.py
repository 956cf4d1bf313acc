"""Several users on a PRB: the engine against plain loops, its books, its limits, alone and in a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_cases import NAMES, rotate, sent
from engine_factory import engine
from mu_mimo_cases import CROSSED, SHARED, all_share, shared
from oracles_mu_mimo import precoder_loops, slot_loops

from allocators.scheduling.mu_proportional_fair import MultiUserProportionalFair
from mac.engine.engine import Engine
from mac.engine.radio.mu_mimo import DirectionReport, MuMimo
from mac.engine.radio.su_mimo import SuMimo
from mac.engine.state import COUNTERS, CellState
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import MCS, HarqSettings
from mac.scheduling.feasible import require_scheduling
from mac.scheduling.observe import context_of, observe
from phy.antenna.panel import PanelSettings
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

RZF = replace(SHARED, precoding="rzf", receiver="mrc")
FRESH = LinkSettings(report_delay_slots=1)


def drive(tested: Engine, slots: int) -> tuple[CellState, torch.Tensor]:
    allocator = MultiUserProportionalFair()
    allocator.reset(context_of(tested), 1)
    state, total = tested.start(), torch.zeros(len(COUNTERS), *tested.shape, dtype=torch.float64)
    for _ in range(slots):
        observation = observe(tested, state)
        decision = require_scheduling(allocator.decide(observation), observation, context_of(tested))
        state, outcome = tested.step(state, decision, observation.need_prbs)
        total += outcome.counters
    return state, total


def directed(state: CellState) -> DirectionReport:
    report = state.reports[0]
    assert isinstance(report, DirectionReport)
    return report


@pytest.mark.parametrize("antennas", [SHARED, RZF], ids=["zf lmmse", "rzf mrc"])
def test_a_slot_equals_plain_loops(antennas: MimoSettings) -> None:
    """Seven cells with none, one, two or three users on a PRB; three cells heard one by one, four as mean powers."""
    tested = shared(Drops(5, (2,)), antennas, dtype=torch.float64)
    state = tested.start()
    for _ in range(5):  # the reports in use are now older than the matrices
        state, _ = tested.step(state, all_share(observe(tested, state), 3), observe(tested, state).need_prbs)
    decision = all_share(observe(tested, state), 3)
    user, partners = decision.user.clone(), decision.partners
    assert partners is not None
    user[0, 4, :3] = -1
    partners[0, 4, :3] = -1
    partners[0, 1, 2:6] = -1
    partners[0, 2, 5:, 0] = -1
    all_users = torch.cat((user[:, :, None], partners.movedim(-1, 2)), 2)
    grant = sent(tested, state, all_users)
    willing = state.harq.usable & (state.harq.retransmits | (state.waiting_bytes > 0))
    there = (all_users[0] >= 0) & willing[0][all_users[0].clamp(min=0)]
    air, cells = state.block.response, there.any(1).to(torch.float64)
    found = tested.radio._co_scheduled(0, air, grant, all_users[0].clamp(min=0), cells)
    rows, report = directed(state).rows[0].numpy(), directed(state)
    places = {
        (c, k): [m for m in range(3) if there[c, m, k]] for c in range(7) for k in range(12) if there[c, :, k].any()
    }
    users = {(c, k): [int(all_users[0, c, m, k]) for m in some] for (c, k), some in places.items()}
    assert {len(some) for some in users.values()} == {1, 2, 3} and len(users) < 84
    precoder = {
        (c, k): precoder_loops([rows[u, k] for u in some], antennas.precoding == "rzf")
        for (c, k), some in users.items()
    }
    mimo = air.cells
    slow = slot_loops(
        state.block.response.matrices[0].numpy(), mimo.heard[0].numpy(), mimo.rest_snr[0].numpy(), precoder, users
    )
    which = 0 if antennas.receiver == "lmmse" else 1
    for (c, k, place), sinr in slow.items():
        assert float(found[0 + c, places[c, k][place], k]) == pytest.approx(sinr[which], rel=1e-7)
    assert (found[~there] == 0).all()
    _, bits = tested.radio._precode(report, 0, all_users[0], there)
    for (c, k), some in users.items():  # what the base station expects, from its rows alone
        product = np.abs(np.array([rows[u, k] for u in some]) @ precoder[c, k]) ** 2
        for m, u, row, place in zip(places[c, k], some, product, range(3), strict=False):
            gamma = row[place] / (1 + row.sum() - row[place])
            told = tested.parts.tables.adaptation.report(torch.tensor([[[gamma]]], dtype=torch.float64))
            expected = report.bits[0, u, k] if len(some) == 1 else told
            assert float(bits[c, m, k]) == pytest.approx(float(expected))


def test_reports_are_of_a_transmission_to_the_user_alone() -> None:
    tested = shared(Drops(5, (2,)), SHARED, dtype=torch.float64)
    state = tested.start()
    channel = state.block.response.matrices[0].numpy()
    mimo, report = state.block.response.cells, directed(state)
    for user in range(0, 28, 5):
        for prb in (0, 7):
            own = channel[user, prb, 0]
            along = np.linalg.svd(own)[2][0].conj()
            row = report.rows[0, user, prb].numpy()
            assert abs(row @ along) ** 2 == pytest.approx(np.linalg.norm(row) ** 2, rel=1e-9)
            others = channel[user, prb, 1:].transpose(1, 0, 2).reshape(2, -1)
            rest = float(mimo.rest_snr[0, user].sum())
            disturbed = np.eye(2) * (1 + rest) + others @ others.conj().T / 8
            gamma = (own @ along).conj() @ np.linalg.inv(disturbed) @ (own @ along)
            steps = 10 * np.log10(gamma.real) - 10 * np.log10(np.linalg.norm(row) ** 2)
            assert -0.08 < steps < 0.58  # the lower end of half a decibel, found on a grid of 0.07 dB


@pytest.mark.parametrize("ports", [1, 2])
def test_fresh_reports_leave_no_interference_within_the_cell(ports: int) -> None:
    """With one receive antenna each user has its own signal and noise alone; with two no more than in the base
    station's estimate, because it may listen to something else than the row says."""
    ue = PanelSettings() if ports == 1 else CROSSED
    tested = shared(Drops(2, (0, 1)), replace(SHARED, ue=ue, receiver="mrc"), sites=1, dtype=torch.float64)
    state = tested.start()
    decision = all_share(observe(tested, state), 3)
    assert decision.partners is not None
    all_users = torch.cat((decision.user[:, :, None], decision.partners.movedim(-1, 2)), 2)
    grant = sent(tested, state, all_users)
    for drop in range(2):
        full = torch.ones(1, 12).double()
        found = tested.radio._co_scheduled(drop, state.block.response, grant, all_users[drop], full)
        own = state.block.response.matrices[drop][all_users[drop], torch.arange(12)][..., 0, :, :]  # [C, M, K, Nr, Nt]
        arriving = own @ grant.precoder[drop].movedim(-1, 1)[..., None]
        clean = arriving.abs().square().sum((-1, -2))
        if ports == 1:
            torch.testing.assert_close(found, clean, rtol=1e-6, atol=0)
        else:
            assert (found <= clean * (1 + 1e-9)).all()


def test_four_users_carry_more_than_two_layers_of_one() -> None:
    """One cell, 32 ports, strong users, fresh reports: four layers where a single user has two, of 64QAM at most."""
    base = PanelSettings(rows=2, columns=8, polarizations=2, ports=32)
    rate, users = {}, {}
    for name, more in (("svd", {}), ("zf", {"users_per_prb": 4}), ("rzf", {"users_per_prb": 4}), ("one", {})):
        antennas = MimoSettings(
            base=base, ue=CROSSED, refresh_slots=1, precoding="zf" if name == "one" else name, **more
        )  # type: ignore[arg-type]
        tested = engine(Drops(4, (0,)), antennas=antennas, sites=1, per_cell=10, link=FRESH)
        allocator, state, total = MultiUserProportionalFair(), tested.start(), torch.zeros(len(COUNTERS)).double()
        allocator.reset(context_of(tested), 1)
        for slot in range(60):
            observation = observe(tested, state)
            state, outcome = tested.step(state, allocator.decide(observation), observation.need_prbs)
            total += outcome.counters[:, 0].sum(-1) * (slot >= 20)
        rate[name], users[name] = float(total[NAMES["served_bits"]]), float(total[NAMES["granted_prbs"]] / 12 / 40)
    assert users["svd"] == users["one"] == 1.0 and 3.5 < users["zf"] <= 4.0
    assert 1.5 < rate["zf"] / rate["svd"] < 2.1  # four layers over two
    assert 3.0 < rate["zf"] / rate["one"] < 4.1
    assert rate["rzf"] > 0.98 * rate["zf"]


@pytest.mark.parametrize("antennas", [SHARED, RZF], ids=["zf", "rzf"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_drop_alone_is_the_drop_in_a_batch_bit_for_bit(antennas: MimoSettings, dtype: torch.dtype) -> None:
    ends = [drive(shared(drops, antennas, dtype=dtype), 20) for drops in (Drops(1, (3,)), Drops(1, (0, 1, 3)))]
    (one, one_sum), (many, many_sum) = ends
    assert torch.equal(one_sum[:, 0], many_sum[:, 2])
    assert torch.equal(directed(one).rows[0], directed(many).rows[2])
    assert torch.equal(one.harq.blocks[0], many.harq.blocks[2])
    assert float(one_sum[NAMES["granted_prbs"]].sum()) > 1.5 * 20 * 7 * 12  # PRBs were shared


def test_a_prb_counts_once_for_the_cell_and_for_each_user_on_it() -> None:
    tested = shared(Drops(1, (0, 1)), SHARED)
    state = tested.start()
    decision = all_share(observe(tested, state), 3)
    assert decision.partners is not None
    decision.user[:, :, 6:] = -1
    decision.partners[:, :, 6:] = -1
    decision.partners[:, :, 3:6, 1] = -1
    state, outcome = tested.step(state, decision, observe(tested, state).need_prbs)
    assert (outcome.active_prbs == 6).all()
    granted = outcome.counters[NAMES["granted_prbs"]].view(2, 7, 4)
    assert granted.tolist() == [[[6.0, 6.0, 3.0, 0.0]] * 7] * 2
    assert (outcome.counters[NAMES["first_tx"]].view(2, 7, 4)[..., :3] == 1).all()


def test_a_user_with_nothing_to_send_takes_no_power() -> None:
    """A partner whose process waits for feedback is as good as not there."""
    tested = shared(Drops(1, (0,)), SHARED)
    state = tested.start()
    both = all_share(observe(tested, state), 2)
    all_users = torch.cat((both.user[:, :, None], both.partners.movedim(-1, 2)), 2)  # type: ignore[union-attr]
    alone = torch.where(torch.arange(2)[:, None] == 0, all_users, -1)
    busy = state.harq.usable.clone()
    busy[:, tested.roster[0, :, 1]] = False
    waits = replace(state, harq=replace(state.harq, usable=busy))
    for one, other in ((sent(tested, waits, all_users), sent(tested, waits, alone)),):
        assert torch.equal(one.precoder, other.precoder)
        first = tested.roster[0, :, 0]
        assert torch.equal(one.mcs[:, first], other.mcs[:, first])


def test_allocators_that_know_nothing_of_sharing_serve_one_user_a_prb() -> None:
    """The same to the bit as where PRBs cannot be shared."""
    ends = []
    for users in (3, 1):
        tested = shared(Drops(3, (0, 1)), replace(SHARED, users_per_prb=users))
        state, total = tested.start(), 0.0
        for _ in range(15):
            observation = observe(tested, state)
            decision = require_scheduling(rotate(observation), observation, context_of(tested))
            state, outcome = tested.step(state, decision, observation.need_prbs)
            total = outcome.counters + total
        ends.append((total, state.harq.blocks))
    assert torch.equal(ends[0][0], ends[1][0]) and torch.equal(ends[0][1], ends[1][1])


def test_one_layer_of_the_singular_vectors_is_one_user_of_zero_forcing() -> None:
    """Without interference; elsewhere the singular vectors are those behind the whitening filter."""
    svd = replace(SHARED, precoding="svd", users_per_prb=1, max_rank=1)
    rate = []
    for antennas in (svd, replace(SHARED, users_per_prb=1)):
        tested = engine(Drops(3, (0,)), antennas=antennas, sites=1, link=FRESH, dtype=torch.float64)
        assert type(tested.radio) is (SuMimo if antennas is svd else MuMimo)
        state, total = tested.start(), 0.0
        for _ in range(15):
            observation = observe(tested, state)
            state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
            total += float(outcome.counters[NAMES["served_bits"]].sum())
        rate.append(total)
    assert rate[0] == rate[1] > 0


def test_a_block_is_repeated_as_it_was_in_other_company() -> None:
    """With an outer loop frozen far too high blocks fail and come back with their MCS, alone or not."""
    link = LinkSettings(outer_loop_step_db=0.0, report_delay_slots=1)
    tested = shared(Drops(9, (0,)), SHARED, harq=HarqSettings(processes=2, round_trip_slots=2), link=link, sites=1)
    state = tested.start()
    state = CellState(**{**state.__dict__, "outer_loop_db": torch.full(tested.shape, 12.0)})
    repeated, combined = 0, 0.0
    for slot in range(30):
        again, stored = state.harq.retransmits, state.harq.current[..., MCS].long()
        observation = observe(tested, state)
        decision = all_share(observation, 3) if slot % 3 else rotate(observation)
        if decision.partners is None:
            decision = require_scheduling(decision, observation, context_of(tested))
        assert decision.partners is not None
        all_users = torch.cat((decision.user[:, :, None], decision.partners.movedim(-1, 2)), 2)
        grant = sent(tested, state, all_users)
        assert torch.equal(grant.mcs[again], stored[again])
        repeated += int((again & (grant.grant.prbs > 0)).sum())
        state, outcome = tested.step(state, decision, observation.need_prbs)
        combined += float((outcome.counters[NAMES["served_bits"]] * again).sum())
    assert repeated > 5 and combined > 0


def test_the_similarity_of_users_is_computed_when_asked_for() -> None:
    tested = shared(Drops(1, (0, 1)), SHARED)
    observation = observe(tested, tested.start())
    assert "similarity" not in vars(observation) and context_of(tested).users_per_prb == 3
    alike = observation.similarity
    home = observation.serving[:, :, None] == observation.serving[:, None]
    assert alike.shape == (2, 28, 28) and (alike[~home] == 0).all() and (alike.diagonal(dim1=1, dim2=2) == 1).all()
    assert float(alike.min()) >= 0 and float(alike.max()) <= 1
    torch.testing.assert_close(alike, alike.transpose(1, 2))
    apart = alike[home & (alike < 1)]
    assert 0.05 < float(apart.mean()) < 0.6  # eight ports: 0.125 if directions were drawn at random
    single = engine(Drops(1, (0,)))
    with pytest.raises(ValueError, match="greater than 1"):
        _ = observe(single, single.start()).similarity
    assert context_of(single).users_per_prb == 1
