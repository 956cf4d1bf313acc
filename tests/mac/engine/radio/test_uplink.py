"""The slot engine of an uplink: against plain loops, alone and in a batch, its powers, which users they limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_cases import NAMES, packets, rotate
from engine_factory import engine
from loop_cases import CASES, SLOTS, Case, _compare_states, by_slot, draw_holders, parts_of
from oracles_uplink import UplinkLoops, mw

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.radio.uplink import Uplink
from mac.engine.state import COUNTERS, CellState, EngineParts
from mac.engine.uplink_power import UplinkPlan, UplinkSettings, path_loss_db
from mac.link_adaptation.adaptation import LinkSettings
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import context_of, observe
from phy.channel.fading import Fading
from phy.link.power_control import prb_power, transmit_power_dbm, uplink_sinr
from phy.link.uplink_sinr import scheduled_links, signal_and_interference, steering_of_prbs
from phy.random import Drops, uniform

LIMITED = UplinkSettings(p0_dbm=-60.0, alpha=0.8, max_power_dbm=10.0, spread_db=6.0)
MILD = UplinkSettings(p0_dbm=-95.0, alpha=0.9)


def sending(parts: EngineParts, settings: UplinkSettings) -> Engine:
    """An uplink of these parts."""
    both = zip(parts.channel.mean_snr, parts.channel.serving, strict=True)
    loss = torch.stack([path_loss_db(snr, serving, parts.carrier) for snr, serving in both])
    carrier = replace(parts.carrier, direction="uplink")
    return Engine(replace(parts, carrier=carrier, uplink=UplinkPlan(settings, loss[None])))


def uplink(drops: Drops, settings: UplinkSettings = MILD, arrivals: Any = None, **more: Any) -> Engine:
    return sending(engine(drops, arrivals, **more).parts, settings)


def drive(tested: Engine, slots: int, decide: Any = rotate) -> tuple[CellState, torch.Tensor]:
    state = tested.start()
    total = torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
    for _ in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, decide(observation), observation.need_prbs)
        total += outcome.counters
    return state, total


@pytest.mark.parametrize(
    ("name", "settings"),
    [("plain", MILD), ("failing", LIMITED), ("eesm", LIMITED), ("eesm", replace(MILD, noise_figure_db=2.0))],
    ids=["mild", "limited", "wide", "open"],
)
def test_every_slot_is_that_of_plain_loops(name: str, settings: UplinkSettings) -> None:
    case: Case = replace(CASES[name], offset_db=1.0)
    tested = sending(parts_of(case), settings)
    loops = UplinkLoops(tested.parts, by_slot(tested.parts))
    state = tested.start()
    state = replace(state, outer_loop_db=torch.full((1, 6), 1.0, dtype=torch.float64))
    for user in loops.users:
        user.offset_db = 1.0
    short = total = 0
    for slot in range(SLOTS // 2):
        observation = observe(tested, state)
        reported = [bits for row in loops.reports[0] for bits in row]
        assert observation.rate_bits[0].flatten().tolist() == pytest.approx(reported), slot
        needs = [loops.need(user) for user in range(6)]
        assert np.abs(observation.need_prbs[0].numpy() - needs).max() <= 1, slot
        short, total = short + int((observation.need_prbs[0].numpy() != needs).sum()), total + 6
        holders = draw_holders(loops.serving, slot, case.prbs)
        books = loops.step(holders)
        state, outcome = tested.step(state, SchedulingDecision(torch.tensor(holders)[None]), observation.need_prbs)
        for counter, row in zip(COUNTERS, outcome.counters[: len(COUNTERS), 0].tolist(), strict=True):
            if counter != "requested_prbs":
                assert row == pytest.approx(books[counter]), (slot, counter)
        _compare_counts(tested, loops, outcome.counters[len(COUNTERS) :, 0], holders)
        _compare_states(state, loops, slot)
    assert short <= total / 50  # the engine reads its line off a grid


def _compare_counts(tested: Engine, loops: UplinkLoops, rows: torch.Tensor, holders: list[list[int]]) -> None:
    sent, slot_s = rows[1].tolist(), tested.parts.carrier.slot_s
    for user in range(6):
        mine = [(cell, prb) for cell, row in enumerate(holders) for prb, one in enumerate(row) if one == user]
        if not sent[user]:
            assert rows[:, user].tolist() == [0.0] * 5
            continue
        count = len(mine)
        joule = loops.power_mw(user, count) * count * 1e-3 * slot_s
        rise = sum(loops.disturbed[cell][prb] for cell, prb in mine) / loops.noise_mw
        limited = float(loops.power_mw(user, count) < loops.asked_mw(user) * (1 - 1e-9))
        assert rows[:, user].tolist() == pytest.approx([joule, 1.0, limited, float(count), rise], rel=1e-6)


def test_what_cells_hear_is_the_sinr_of_power_control() -> None:
    """The links of holders alone give what :func:`phy.link.power_control.uplink_sinr` gives from those of all users."""
    tested = uplink(Drops(3, (0, 1)), dtype=torch.float64)
    assert isinstance(tested.parts.channel.fading, Fading)
    state, to_prbs = tested.start(), tested.parts.channel.fading.to_prbs
    coordinates = state.block.response.coordinates[:, :, 0]
    response = coordinates.unflatten(-1, (7, -1)) @ to_prbs
    gain = response[..., :12].square() + response[..., 12:].square()
    scheduled = (uniform(torch.tensor([1, 2]), (7, 12)) * 5).long() - 1  # none, or one of the four of the cell
    scheduled = torch.where(scheduled < 0, scheduled, scheduled + 4 * torch.arange(7)[:, None])
    prbs = torch.nn.functional.one_hot(scheduled.flatten(1) + 1, 29).sum(1)[:, 1:].double()
    power = tested.radio.powers.on(prbs, 0)
    dbm = transmit_power_dbm(MILD, tested.parts.uplink.path_loss_db[0], prbs)  # type: ignore[union-attr]
    reference_dbm = 30.0 + 10.0 * np.log10(tested.radio.powers.reference_w)
    used = prbs > 0
    torch.testing.assert_close(power[used], prb_power(dbm, prbs, reference_dbm)[used])
    by_prb = scheduled.clamp(min=0).transpose(1, 2).contiguous()
    sent = power.gather(1, scheduled.clamp(min=0).flatten(1)).view(scheduled.shape) * (scheduled >= 0)
    signal, disturbed = signal_and_interference(
        scheduled_links(coordinates, steering_of_prbs(to_prbs), by_prb), sent.transpose(1, 2).contiguous()
    )
    torch.testing.assert_close(signal / disturbed, uplink_sinr(gain, scheduled, power))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("sites", "per_cell", "saturated"), [(7, 4, True), (7, 4, False), (1, 5, True)])
def test_a_drop_alone_is_the_drop_in_a_batch_bit_for_bit(
    sites: int, per_cell: int, saturated: bool, dtype: torch.dtype
) -> None:
    def run(drops: Drops) -> tuple[CellState, torch.Tensor]:
        arrivals = None if saturated else packets(drops, sites * per_cell, 60, 0.3, 4000)
        carrier = CarrierSettings(prbs=25)
        return drive(uplink(drops, LIMITED, arrivals, carrier=carrier, sites=sites, per_cell=per_cell, dtype=dtype), 40)

    (one, one_sum), (many, many_sum) = run(Drops(1, (3,))), run(Drops(1, tuple(range(6))))
    assert torch.equal(one_sum[:, 0], many_sum[:, 3])
    assert torch.equal(one.reports[0].bits[0], many.reports[0].bits[3])
    assert torch.equal(one.harq.blocks[0], many.harq.blocks[3])


def test_full_compensation_equals_what_is_received_and_none_what_is_sent() -> None:
    for alpha, p0 in ((1.0, -100.0), (0.0, -10.0)):
        tested = uplink(Drops(1, (0,)), UplinkSettings(p0_dbm=p0, alpha=alpha, max_power_dbm=35.0), dtype=torch.float64)
        powers = tested.radio.powers
        sent_dbm = 30.0 + 10.0 * torch.log10(powers.on(torch.full((1, 28), 2.0), 0) * powers.reference_w)
        own = tested.parts.channel.mean_snr.gather(-1, tested.parts.channel.serving[..., None])[..., 0]
        gain_db = 10.0 * torch.log10(own / tested.parts.carrier.snr_at_unit_gain)
        constant = sent_dbm + gain_db if alpha == 1.0 else sent_dbm
        torch.testing.assert_close(constant, torch.full_like(constant, p0))
        spread = (sent_dbm if alpha == 1.0 else sent_dbm + gain_db).std()
        assert float(spread) > 5.0


def test_more_prbs_take_power_from_each_and_lower_the_mcs() -> None:
    tested = uplink(Drops(1, (0, 1)), LIMITED, carrier=CarrierSettings(prbs=50), dtype=torch.float64)
    room, wide = tested.radio.powers.room(0), torch.full(tested.shape, 50.0, dtype=torch.float64)
    assert float(room.min()) == 1.0 and bool(((room > 1) & (room < 50)).any())
    one, all_ = tested.radio.powers.on(torch.ones_like(wide), 0), tested.radio.powers.on(wide, 0)
    torch.testing.assert_close(all_ * 50, torch.minimum(one * 50, torch.full_like(one, mw(10) / 1e3)
                                                        / tested.radio.powers.reference_w))  # fmt: skip
    state = tested.start()
    bits = state.reports[0].mean_bits
    narrow_mcs, wide_mcs = (tested.radio.choose_mcs(state, bits, prbs) for prbs in (torch.ones_like(wide), wide))
    lowered = (narrow_mcs > wide_mcs) | (wide_mcs == 0)
    assert bool(lowered[room < 20].all()) and bool((narrow_mcs == wide_mcs)[room >= 50].all())


@pytest.mark.parametrize("spread_db", [0.0, 3.0, 30.0])
def test_no_user_is_asked_to_send_on_more_prbs_than_its_power_may_be_spread_on(spread_db: float) -> None:
    settings = replace(LIMITED, spread_db=spread_db)
    tested = uplink(Drops(1, (0, 1)), settings, carrier=CarrierSettings(prbs=50))
    state = tested.start()
    need, room = observe(tested, state).need_prbs, tested.radio.powers.room(0)
    most = (room * mw(spread_db) * (1 + 1e-6)).floor().clamp(max=50)
    reached = state.reports[0].mean_bits > 0
    assert bool((need <= most).all()) and bool((need[reached] >= 1).all())
    if spread_db == 0.0:
        assert torch.equal(need[reached], most[reached].double())  # it always has data
    assert not context_of(tested).saturated


def test_the_outer_loop_holds_its_target_for_users_at_their_greatest_power() -> None:
    """The whole carrier for one user of a cell at a time: most are limited, and first blocks fail as often."""
    settings = replace(LIMITED, p0_dbm=-70.0, max_power_dbm=20.0)
    tested = uplink(Drops(3, (0, 1)), settings, carrier=CarrierSettings(prbs=25), link=LinkSettings())
    _, early = drive(tested, 300)
    _, all_ = drive(tested, 1200)
    total = all_ - early
    names = {name: row for row, name in enumerate(tested.counters)}
    rate = total[NAMES["served_bits"]] / total[NAMES["granted_prbs"]] / tested.parts.tables.re_per_prb
    usable = (rate > 0.3) & (rate < 4.5)
    limited = total[names["limited_slots"]] / total[names["sent_slots"]]
    assert float(limited[usable].mean()) > 0.5
    bler = (total[NAMES["first_nack"]] / total[NAMES["first_tx"]])[usable]
    assert int(usable.sum()) > 15 and float(bler.mean()) == pytest.approx(0.1, abs=0.02)


def test_no_bit_is_made_or_lost() -> None:
    drops = Drops(2, (0, 1))
    arrivals = packets(drops, 28, 150, 0.5, 3000)
    tested = uplink(drops, LIMITED, arrivals, queue_bytes=30_000.0)
    state, total = drive(tested, 100)
    queued = tested.backlog_bits(state) - 8 * (state.arrived[0] - state.arrived[1])
    counted = {name: total[row] for name, row in NAMES.items()}
    left = counted["served_bits"] + counted["dropped_bits"] + counted["lost_bits"] + queued
    assert torch.equal(left, counted["demand_bits"])
    assert counted["served_bits"].sum() > 0 and counted["dropped_bits"].sum() > 0


def test_a_lone_cell_hears_noise_alone() -> None:
    tested = uplink(Drops(1, (0,)), sites=1, per_cell=3)
    _, total = drive(tested, 30)
    rows = {name: total[row] for row, name in enumerate(tested.counters)}
    assert torch.equal(rows["thermal_rise"], rows["sent_prbs"]) and rows["served_bits"].sum() > 0
    with pytest.raises(ValueError, match=r"no plan of the uplink; give one"):
        Uplink(engine(Drops(1, (0,)), sites=1).parts)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")
def test_gpu_equals_cpu() -> None:
    drops, carrier = Drops(1, (0, 1, 2)), CarrierSettings(prbs=25)
    places = [torch.device(name) for name in ("cpu", "cuda")]
    ends = [drive(uplink(drops, LIMITED, carrier=carrier, device=place), 1) for place in places]
    cpu, gpu = (state.reports[-1].bits.cpu() for state, _ in ends)
    assert float((cpu != gpu).double().mean()) < 2e-3
