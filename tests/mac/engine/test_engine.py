"""The slot engine: against loops, alone and in a batch, its books, its outer loop, its HARQ."""

from __future__ import annotations

import pytest
import torch
from engine_cases import NAMES, drive, packets, rotate
from engine_factory import channel, engine
from oracles_sinr import sinr as sinr_loops

from mac.carrier import CarrierSettings
from mac.engine.state import COUNTERS, CellState
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import observe
from phy.link.response import Response, basis_of
from phy.link.sinr import sinr
from phy.random import Drops, uniform


def test_sinr_equals_plain_loops() -> None:
    carrier = CarrierSettings(prbs=6)
    air = channel(Drops(1, (4,)), carrier, per_cell=2, dtype=torch.float64)
    key = torch.tensor([7])
    activity = (uniform(key, (7, 6)) < 0.6).to(torch.float64)
    coordinates = air.fading.coordinates(37, 2, carrier.slot_s)[:, :, 1]
    fast = sinr(Response(coordinates, basis_of(air.fading.to_prbs)), air.serving, activity)[0]
    slow = sinr_loops(
        air.fading.rays[0], air.fading.doppler_hz[0], air.fading.to_prbs, air.serving[0], activity[0], 38e-3
    )
    assert torch.allclose(fast, torch.tensor(slow, dtype=torch.float64), rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("sites", "per_cell", "saturated"), [(7, 4, True), (7, 4, False), (1, 1, True), (1, 37, False)]
)
def test_a_drop_alone_is_the_drop_in_a_batch_bit_for_bit(
    sites: int, per_cell: int, saturated: bool, dtype: torch.dtype
) -> None:
    alone, batch = Drops(1, (3,)), Drops(1, tuple(range(8)))

    def run(drops: Drops) -> tuple[CellState, torch.Tensor]:
        arrivals = None if saturated else packets(drops, sites * per_cell, 90, 0.3, 4000)
        tested = engine(drops, arrivals, CarrierSettings(prbs=25), sites=sites, per_cell=per_cell, dtype=dtype)
        return drive(tested, 90)

    (one, one_sum), (many, many_sum) = run(alone), run(batch)
    assert torch.equal(one_sum[:, 0], many_sum[:, 3])
    assert torch.equal(one.reports[0].bits[0], many.reports[0].bits[3])
    assert torch.equal(one.outer_loop_db[0], many.outer_loop_db[3])
    assert torch.equal(one.harq.blocks[0], many.harq.blocks[3])


def test_same_seed_same_bits_and_another_seed_others() -> None:
    first, again = (drive(engine(Drops(5, (0, 1))), 40)[1] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, drive(engine(Drops(6, (0, 1))), 40)[1])


@pytest.mark.parametrize("queue_bytes", [1e9, 3000.0])
def test_no_bit_is_made_or_lost(queue_bytes: float) -> None:
    drops = Drops(2, (0, 1, 2))
    arrivals = packets(drops, 28, 200, 0.5, 3000)
    tested = engine(drops, arrivals, queue_bytes=queue_bytes, harq=HarqSettings(max_attempts=2))
    state, total = drive(tested, 150)
    arrived = arrivals.block(0, 150, 28).sum(-1) * 8.0
    counted = {name: total[row] for name, row in NAMES.items()}
    assert torch.equal(counted["demand_bits"], arrived.to(torch.float64))
    # what the last slot's close admitted for slot 150 is in the queue, but not yet counted
    queued = tested.backlog_bits(state) - 8 * (state.arrived[0] - state.arrived[1])
    left = counted["served_bits"] + counted["dropped_bits"] + counted["lost_bits"] + queued
    assert torch.equal(left, counted["demand_bits"])
    assert (counted["dropped_bits"].sum() > 0) == (queue_bytes < 1e6)
    assert counted["lost_bits"].sum() > 0


def test_outer_loop_holds_its_target_where_an_mcs_is_usable() -> None:
    tested = engine(Drops(3, tuple(range(4))), carrier=CarrierSettings(prbs=25), per_cell=3)
    state, _ = drive(tested, 600)
    total = torch.zeros(len(COUNTERS), *tested.shape, dtype=torch.float64)
    inside = torch.zeros(tested.shape)
    for _ in range(2500):
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        total += outcome.counters
        inside += state.outer_loop_db.abs() < 10
    rate = total[NAMES["served_bits"]] / total[NAMES["granted_prbs"]] / tested.parts.tables.re_per_prb
    usable = (rate > 0.3) & (rate < 4.5) & (inside > 2000)  # neither below the least MCS nor above the greatest
    bler = (total[NAMES["first_nack"]] / total[NAMES["first_tx"]])[usable]
    assert usable.sum() > 30
    assert bler.mean().item() == pytest.approx(0.1, abs=0.02)
    assert ((bler - 0.1).abs() < 0.02).float().mean() > 0.9


def test_retransmissions_wait_a_round_trip_and_end() -> None:
    """With an outer loop frozen far too high nearly every block fails, is repeated and in the end given up."""
    harq = HarqSettings(processes=4, round_trip_slots=4, max_attempts=3)
    link = LinkSettings(outer_loop_step_db=0.0, report_delay_slots=1)
    tested = engine(Drops(9, (0,)), harq=harq, link=link, per_cell=1, sites=1)
    state = tested.start()
    state = CellState(**{**state.__dict__, "outer_loop_db": torch.full(tested.shape, 12.0)})
    previous = None
    for slot in range(60):
        observation = observe(tested, state)
        assert (state.harq.blocks[..., 5] <= slot + harq.round_trip_slots - 1).all()
        assert (state.harq.blocks[..., 4] <= harq.max_attempts).all()
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        assert (outcome.counters[NAMES["granted_prbs"]] == 12).all()
        previous = outcome
    assert previous is not None


def test_soft_combining_lets_a_block_through_that_fails_alone() -> None:
    link = LinkSettings(outer_loop_step_db=0.0, report_delay_slots=1)

    def lost(attempts: int) -> float:
        """Share of the blocks of users within the MCS table that no attempt brought through."""
        tested = engine(
            Drops(9, (0, 1)), link=link, harq=HarqSettings(max_attempts=attempts), per_cell=1, fading="none"
        )
        state = tested.start()
        state = CellState(**{**state.__dict__, "outer_loop_db": torch.full(tested.shape, 2.0)})
        total = torch.zeros(len(COUNTERS), *tested.shape, dtype=torch.float64)
        for _ in range(100):
            observation = observe(tested, state)
            within = (observation.mean_rate_bits > 0.5 * tested.parts.tables.re_per_prb) & (
                observation.mean_rate_bits < 4.5 * tested.parts.tables.re_per_prb
            )
            state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
            total += outcome.counters * within
        return float(total[NAMES["lost_bits"]].sum() / total[[NAMES["lost_bits"], NAMES["served_bits"]]].sum())

    assert lost(1) > 0.5
    assert lost(2) < 0.05


def test_traffic_and_air_do_not_depend_on_the_decisions() -> None:
    drops = Drops(4, (0, 1))
    tested = engine(drops, packets(drops, 28, 100, 0.2, 2000), block_slots=10)
    idle = SchedulingDecision(torch.full((2, 7, 12), -1, dtype=torch.int64))
    busy, lazy = tested.start(), tested.start()
    for _ in range(60):
        observation = observe(tested, busy)
        busy, out_busy = tested.step(busy, rotate(observation), observation.need_prbs)
        lazy, out_lazy = tested.step(lazy, idle, observation.need_prbs)
        assert torch.equal(busy.block.response.coordinates, lazy.block.response.coordinates)
        assert torch.equal(out_busy.counters[NAMES["demand_bits"]], out_lazy.counters[NAMES["demand_bits"]])
    assert out_lazy.counters[NAMES["served_bits"]].sum() == 0


def test_interference_follows_what_the_other_cells_use() -> None:
    """A user alone on a PRB has its SNR; with the neighbours on it, less."""
    tested = engine(Drops(1, (0,)), per_cell=1, fading="none", dtype=torch.float64)
    state = tested.start()
    user = torch.full((1, 7, 12), -1, dtype=torch.int64)
    user[0, 0, :6] = 0
    user[0, 1:, 3:6] = torch.arange(1, 7)[:, None]
    observation = observe(tested, state)
    for _ in range(tested.parts.link.report_delay_slots):
        state, outcome = tested.step(state, SchedulingDecision(user), observation.need_prbs)
    snr = tested.parts.channel.mean_snr[0, 0, 0]
    alone, shared = state.reports[-1].bits[0, 0, 0], state.reports[-1].bits[0, 0, 4]
    adaptation = tested.parts.tables.adaptation
    assert alone == adaptation.report(snr[None])[0]
    others = tested.parts.channel.mean_snr[0, 0, 1:].sum()
    assert shared == adaptation.report((snr / (1 + others))[None])[0]
    assert alone > shared
    assert outcome.active_prbs[0].tolist() == [6.0] + [3.0] * 6
