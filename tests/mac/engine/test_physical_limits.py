"""Orders of magnitude: what a link budget, Shannon and the standard's tables say of the engine's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_cases import NAMES, drive
from engine_factory import engine
from shape_cases import Case, build

from allocators.scheduling.proportional_fair import ProportionalFair
from mac.carrier import CarrierSettings
from mac.engine.outcome import OutcomeBuilder
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import context_of, observe
from mac.traffic.packets import Arrivals, sort_packets
from phy.link.bler import load_bler
from phy.power_consumption import PowerSettings
from phy.random import Drops
from phy.tr38901.pathloss import Link, path_loss_db
from phy.units import linear_to_db, noise_power_w

TEN_MHZ = CarrierSettings(prbs=50)
MIDDLE_DB = 10 * math.log10(TEN_MHZ.snr_at_unit_gain)


def test_noise_and_link_budget() -> None:
    """kTBF of a PRB is -174 + 52.6 + 7 dBm; 46 dBm over 50 PRBs are 29 dBm each, so 143.4 dB lie between the two."""
    assert linear_to_db(noise_power_w(180e3, 7.0)) + 30 == pytest.approx(-114.42, abs=0.01)
    assert pytest.approx(143.43, abs=0.01) == MIDDLE_DB


@pytest.mark.parametrize(
    ("distance_m", "los", "snr_db"), [(35.0, True, 68.8), (333.0, True, 49.0), (333.0, False, 20.4)]
)
def test_snr_near_and_at_the_edge(distance_m: float, los: bool, snr_db: float) -> None:
    """UMa at 3.5 GHz, antennas of 0 dBi: 28 + 22 log10(d3D) + 20 log10(3.5) in line of sight, by hand."""
    where = torch.tensor([distance_m], dtype=torch.float64)
    link = Link(where, torch.full_like(where, 25.0), torch.full_like(where, 1.5), 3.5e9)
    loss = path_loss_db("uma", link, torch.tensor([los]))
    assert MIDDLE_DB - loss.item() == pytest.approx(snr_db, abs=0.05)


@pytest.mark.parametrize("table", [1, 2, 3])
def test_thresholds_lie_above_shannon(table: int) -> None:
    """Each MCS needs 0.3 to 4 dB more than Shannon's bound. Measured: 0.55 to 2.64 dB for table 1."""
    bler = load_bler(table)
    need_db = 10 * bler.snr_threshold().log10()
    bound_db = 10 * torch.log10(2**bler.mcs.efficiency - 1)
    gap = need_db - bound_db
    assert gap.min() > 0.3
    assert gap.max() < 4.0


def test_one_user_near_the_site_reaches_the_peak_rate_and_not_shannons() -> None:
    """50 PRBs x 132 resource elements x 5.55 bit are 36.7 kbit; the nearest block size is 36 896 bits, every 1 ms."""
    tested = engine(Drops(1, (0,)), carrier=TEN_MHZ, per_cell=1, sites=1, fading="none")
    state, _ = drive(tested, 150)  # the outer loop climbs
    observation = observe(tested, state)
    whole = SchedulingDecision(torch.zeros(1, 1, 50, dtype=torch.int64))
    _, outcome = tested.step(state, whole, observation.need_prbs)
    served = outcome.counters[NAMES["served_bits"]].item()
    assert tested.parts.channel.mean_snr.item() > 100
    assert served == 36_896
    assert served / 1e-3 < 9e6 * math.log2(1 + tested.parts.channel.mean_snr.item())


@pytest.mark.parametrize("numerology", [0, 2])
@pytest.mark.parametrize("luck", [True, False])
def test_a_lone_packet_takes_a_slot_or_a_round_trip_more(numerology: int, luck: bool) -> None:
    """It arrives in slot 3 and is sent in it. An outer loop far too high makes the first attempt fail."""
    packet = sort_packets(np.array([3], dtype=np.int64), np.array([0], dtype=np.int64), 300)
    tested = engine(
        Drops(1, (0,)), Arrivals((packet,)), CarrierSettings(prbs=50, numerology=numerology),
        LinkSettings(outer_loop_limit_db=40.0), HarqSettings(round_trip_slots=6), per_cell=1, sites=1, fading="none",
    )  # fmt: skip
    amplitude = tested.parts.channel.fading.rays
    amplitude.mul_(math.sqrt(2.0) / amplitude.abs().max())  # an SNR of 3 dB
    state = tested.start()
    state = type(state)(**{**state.__dict__, "outer_loop_db": torch.full((1, 1), -3.0 if luck else 4.5)})
    whole = SchedulingDecision(torch.zeros(1, 1, 50, dtype=torch.int64))
    for _ in range(20):
        state, outcome = tested.step(state, whole, observe(tested, state).need_prbs)
    assert outcome.delays is not None
    assert outcome.delays.packets.item() == 1
    slots = 1 if luck else 1 + 6
    assert outcome.delays.delay_s.item() == pytest.approx(slots * tested.parts.carrier.slot_s)


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
def test_packets_of_one_block_each_wait_as_in_a_slotted_queue(load: float) -> None:
    """Poisson packets of 36 896 bits, one slot each at the peak: M/D/1, 1 + rho / (2 (1 - rho)) slots in the mean."""
    drops, slots, block = Drops(1, tuple(range(8))), 2000, 100
    luck, parts, delays = np.random.default_rng(1), [], 0
    for _ in drops.ids:
        number = luck.poisson(load, slots)
        parts.append(
            sort_packets(np.repeat(np.arange(slots), number), np.zeros(number.sum(), dtype=np.int64), 36_896 // 8)
        )
        ahead = 0
        for come in number.tolist():
            delays += sum(range(ahead + 1, ahead + come + 1))
            ahead = max(ahead + come - 1, 0)
    tested = engine(
        drops, Arrivals(tuple(parts)), TEN_MHZ, LinkSettings(outer_loop_limit_db=40.0), per_cell=1, sites=1,
        fading="none", block_slots=block,
    )  # fmt: skip
    amplitude = tested.parts.channel.fading.rays
    amplitude.mul_(1e3 / amplitude.abs().amax((1, 2, 3), keepdim=True))  # an SNR of 60 dB
    state = tested.start()
    state = type(state)(**{**state.__dict__, "outer_loop_db": torch.full(tested.shape, 20.0)})
    all_its = SchedulingDecision(torch.zeros(len(drops), 1, 50, dtype=torch.int64))
    took = torch.zeros(2, dtype=torch.float64)
    for _ in range(slots):
        state, outcome = tested.step(state, all_its, observe(tested, state).need_prbs)
        if outcome.delays is not None:
            took += torch.stack((outcome.delays.packets.sum(), outcome.delays.delay_s.sum()))
    total, waiting = sum(map(len, parts)), tested.backlog_bits(state).sum().item() / 36_896
    assert took[0].item() == total - waiting
    assert took[1].item() / 1e-3 / total == pytest.approx(delays / total, rel=0.01)  # but for those that wait
    assert took[1].item() / 1e-3 / total == pytest.approx(1 + load / (2 * (1 - load)), rel=0.1)


def test_a_cell_at_full_load_draws_447_w_and_12_microjoules_a_bit() -> None:
    """2 x 130 W + 4.7 x 39.8 W over 36.9 Mbit/s; a site of three such cells is the 1.35 kW of the source."""
    tested = engine(Drops(1, (0,)), carrier=TEN_MHZ, per_cell=1, sites=1, fading="none")
    state, _ = drive(tested, 150)
    whole = SchedulingDecision(torch.zeros(1, 1, 50, dtype=torch.int64))
    state, slot = tested.step(state, whole, observe(tested, state).need_prbs)
    outcome = OutcomeBuilder(tested, PowerSettings()).outcome(state, slot, 1, {})
    assert outcome.energy_j.item() / 1e-3 == pytest.approx(260 + 4.7 * 39.81, abs=0.1)
    assert outcome.energy_j.item() / outcome.served_bits.item() == pytest.approx(12.1e-6, rel=0.01)


def test_cell_throughput_of_a_saturated_macro_network() -> None:
    """Seven wrapped-around UMa sites of one isotropic cell, 10 walking users each, proportional fair on every PRB.

    One antenna at either end: literature has about 1 to 2.5 bit/s/Hz for single-antenna macro cells with wide-band
    reports; here every PRB has a report of its own, and every PRB its best user.
    Measured: 2.52 bit/s/Hz at a BLER of 0.084, and 0.03 % of the bits lost after four attempts.
    """
    tested = build(Case(users=10, sites=7, saturated=True, indoor=0.0, speed_mps=3 / 3.6), (0, 1))
    scheduler = ProportionalFair()
    scheduler.reset(context_of(tested), 0)
    state, total = tested.start(), torch.zeros(len(NAMES), *tested.shape, dtype=torch.float64)
    slots, skipped = 700, 300
    for slot in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, scheduler.decide(observation), observation.need_prbs)
        total += outcome.counters * (slot >= skipped)
    sums = dict(zip(NAMES, total.sum((1, 2)).tolist(), strict=True))
    hertz_seconds = 13 * 180e3 * (slots - skipped) * 1e-3 * 14
    assert 1.5 < sums["served_bits"] / hertz_seconds < 3.5
    assert sums["first_nack"] / sums["first_tx"] == pytest.approx(0.1, abs=0.025)
    assert sums["lost_bits"] < 2e-3 * sums["served_bits"]
