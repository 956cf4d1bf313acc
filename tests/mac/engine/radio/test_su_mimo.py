"""The slot engine with panels: against the engine without, alone and in a batch, powers, ranks, repetitions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from engine_cases import NAMES, drive, rotate, sent
from engine_factory import channel, engine
from oracles_bler import bin_centre, block_error, thresholds_db
from oracles_engine import bin_of

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.radio.siso_downlink import SisoDownlink
from mac.engine.radio.su_mimo import RankReport, SuMimo
from mac.engine.state import CellState
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import MCS, HarqSettings
from mac.scheduling.observe import observe
from phy.antenna.panel import PanelSettings
from phy.link.mcs import mcs_table
from phy.link.mimo_settings import MimoSettings
from phy.link.response import FrequencyBasis, Response
from phy.link.tables import load_arrays
from phy.random import Drops

SINGLE = MimoSettings(base=PanelSettings(), ue=PanelSettings(), heard_cells=7, refresh_slots=1)
CROSSED = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)
FOUR = MimoSettings(base=PanelSettings(columns=2, polarizations=2, ports=4), ue=CROSSED, heard_cells=3, refresh_slots=4)
SVD = MimoSettings(base=FOUR.base, ue=CROSSED, heard_cells=3, refresh_slots=4, precoding="svd", receiver="mrc")
FULL = MimoSettings(
    base=PanelSettings(columns=2, polarizations=2, ports=4),
    ue=PanelSettings(columns=2, polarizations=2, ports=4),
    heard_cells=2,
)
LEVELS = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)


def levels_db(power: torch.Tensor) -> torch.Tensor:
    return (10 * power.flatten().double().log10()).quantile(LEVELS)


def mimo(drops: Drops, antennas: MimoSettings, **more: object) -> Engine:
    made = engine(drops, antennas=antennas, **more)  # type: ignore[arg-type]
    assert isinstance(made.radio, SuMimo)
    return made


def ranked(state: CellState) -> RankReport:
    report = state.reports[0]
    assert isinstance(report, RankReport)
    return report


def test_one_antenna_hears_what_the_engine_without_panels_hears() -> None:
    """Large-scale gains are the same to the bit; powers and SINRs have the same distribution: 700 users."""
    drops, carrier = Drops(3, tuple(range(10))), CarrierSettings(prbs=12)
    plain = channel(drops, carrier, per_cell=10)
    panels = channel(drops, carrier, per_cell=10, antennas=SINGLE)
    assert torch.equal(plain.mean_snr, panels.mean_snr) and plain.mimo is None and panels.mimo is not None
    rays = plain.fading.coordinates(0, 1, 1e-3)[:, :, 0]
    theirs = Response(rays, FrequencyBasis(plain.fading.to_prbs)).power()
    ours = torch.stack([panels.mimo.matrices(b, 0.0) for b in range(10)])[..., 0, 0].abs().square().movedim(2, 3)
    mean = panels.mean_snr.gather(2, panels.mimo.heard)
    assert float((ours.mean(-1) / mean).mean()) == pytest.approx(1.0, abs=0.01)
    torch.testing.assert_close(levels_db(ours), levels_db(theirs), atol=0.3, rtol=0)
    own = theirs.gather(2, plain.serving[..., None, None].expand(-1, -1, 1, 12))[:, :, 0]
    sinr = own / (1 + theirs.sum(2) - own), ours[:, :, 0] / (1 + ours[:, :, 1:].sum(2))
    apart = (levels_db(sinr[0]) - levels_db(sinr[1])).abs()
    assert float(apart.max()) < 0.8  # 0.3 dB in the mean, the ends are few users


def test_one_antenna_serves_as_the_engine_without_panels() -> None:
    drops, carrier = Drops(3, tuple(range(4))), CarrierSettings(prbs=12)
    found = []
    for antennas in (None, SINGLE):
        total = drive(engine(drops, carrier=carrier, per_cell=6, antennas=antennas), 100)[1].sum((1, 2))
        found.append((total[NAMES["served_bits"]], total[NAMES["first_nack"]] / total[NAMES["first_tx"]]))
    assert float(found[1][0] / found[0][0]) == pytest.approx(1.0, abs=0.05)
    assert float(found[1][1]) == pytest.approx(float(found[0][1]), abs=0.02)


@pytest.mark.parametrize("model", ["uma", "umi", "rma"])
def test_matrices_have_the_mean_power_of_the_large_scale_gain(model: str) -> None:
    """Sectors with columns of slanted elements: a port's gain over its rays is that of the antenna it stands for."""
    from phy.channel.channel import build_channel
    from scenarios import load
    from scenarios.families.cellular.engine_factory import channel_plan

    change = {"topology.sites": 7, "users.ftp.count": 5, "carrier.prbs": 6, "propagation.model": model}
    heights = {"topology.bs_height_m": {"uma": 25.0, "umi": 10.0, "rma": 35.0}[model]}
    scenario = load("scheduling-macro", **change, **heights, mimo={"heard_cells": 21})
    made = build_channel(Drops(1, (0,)), channel_plan(scenario), torch.device("cpu"), torch.float32)
    assert made.mimo is not None
    power = torch.stack([made.mimo.matrices(b, 0.0) for b in range(1)]).abs().square().mean((2, 4, 5))
    ratio = power / made.mean_snr.gather(2, made.mimo.heard)
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.03)
    assert not made.mimo.rest_snr.any()


def test_more_antennas_carry_more() -> None:
    """Outdoors, seven cells: 2 x 4 carries more than 1 x 1, less than four times as much; MRC less than LMMSE."""
    rate = {}
    svd = MimoSettings(base=FOUR.base, ue=CROSSED, precoding="svd", refresh_slots=1)
    mrc = MimoSettings(base=FOUR.base, ue=CROSSED, receiver="mrc")
    for name, antennas in (("1x1", SINGLE), ("2x4", FOUR), ("svd", svd), ("mrc", mrc)):
        tested = engine(Drops(4, (0, 1)), antennas=antennas, link=LinkSettings(report_delay_slots=1))
        rate[name] = float(drive(tested, 40)[1][NAMES["served_bits"]].sum())
    assert 1.3 < rate["2x4"] / rate["1x1"] < 4.0
    assert rate["mrc"] < rate["2x4"]
    assert rate["2x4"] < rate["svd"] < 4 * rate["1x1"]  # with reports that are still true


@pytest.mark.parametrize("antennas", [FOUR, SVD], ids=["codebook", "svd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_drop_alone_is_the_drop_in_a_batch_bit_for_bit(antennas: MimoSettings, dtype: torch.dtype) -> None:
    ends = [drive(mimo(drops, antennas, dtype=dtype), 25) for drops in (Drops(1, (3,)), Drops(1, (0, 1, 2, 3)))]
    (one, one_sum), (many, many_sum) = ends
    assert torch.equal(one_sum[:, 0], many_sum[:, 3])
    assert torch.equal(one.reports[0].bits[0], many.reports[0].bits[3])
    assert torch.equal(ranked(one).rank[0], ranked(many).rank[3])
    assert torch.equal(ranked(one).columns[0], ranked(many).columns[3])
    assert torch.equal(one.harq.blocks[0], many.harq.blocks[3])
    again = drive(mimo(Drops(1, (3,)), antennas, dtype=dtype), 25)[1]
    assert torch.equal(again, one_sum)


@pytest.mark.parametrize("antennas", [FOUR, SVD, FULL], ids=["codebook", "svd", "4x4"])
def test_precoders_spend_the_cells_power_whatever_the_rank(antennas: MimoSettings) -> None:
    tested = mimo(Drops(2, (0,)), antennas)
    report = ranked(tested.start())
    assert int(report.rank.min()) >= 1 and 1 < int(report.rank.max()) <= antennas.layers
    for rank in range(1, antennas.layers + 1):
        columns = report.columns[..., rank - 1 if report.columns.shape[3] > 1 else 0, :, :]
        power = (columns * tested.radio._scale[rank - 1]).abs().square().sum(-2)
        torch.testing.assert_close(power.sum(-1), torch.ones_like(power[..., 0]), rtol=1e-5, atol=0)
        assert ((power > 0).sum(-1) == rank).all()


def test_reports_are_what_is_received_without_interference() -> None:
    """One cell, still users, a report of this very channel: each PRB's SINR supports the CQI that was reported."""
    tested = mimo(Drops(2, (0, 1)), FOUR, sites=1, link=LinkSettings(outer_loop_step_db=0.0))
    state = tested.start()
    observation = observe(tested, state)
    sending = replace(sent(tested, state, rotate(observation).user), activity=torch.ones((2, 1, 12)))
    moment = tested._moment(state.slot, state.block, state.attached.serving)
    report = tested.radio.receive(moment, sending).report
    assert isinstance(report, RankReport)
    assert torch.equal(report.bits, state.reports[0].bits) and torch.equal(report.rank, ranked(state).rank)
    holder = sending.grant.holder[0]
    gamma, _ = tested.radio._layers(0, moment.response, sending, holder.view(1, 12))
    bits = tested.parts.tables.adaptation.report(gamma.movedim(-1, 0).contiguous()).sum(0)[0]
    promised = report.bits[0, holder, torch.arange(12)]
    assert int((bits - promised).abs().max() > 1e-3) == 0


def test_a_block_is_repeated_with_the_layers_it_was_made_for() -> None:
    """With an outer loop frozen far too high blocks fail and come back; their rank stays, whatever is reported."""
    link = LinkSettings(outer_loop_step_db=0.0, report_delay_slots=1)
    tested = mimo(Drops(9, (0, 1)), FULL, harq=HarqSettings(processes=2, round_trip_slots=2), link=link, sites=1)
    state = tested.start()
    state = CellState(**{**state.__dict__, "outer_loop_db": torch.full(tested.shape, 12.0)})
    formats, differed = set(), False
    for _ in range(40):
        again, stored = state.harq.retransmits, state.harq.current[..., MCS].long()
        grant = sent(tested, state, rotate(observe(tested, state)).user)
        assert torch.equal(grant.mcs[again], stored[again])
        differed |= bool((grant.mcs // tested.radio._formats + 1 != ranked(state).rank).any())
        formats |= set((grant.mcs // tested.radio._formats).unique().tolist())
        state, _ = tested.step(state, rotate(observe(tested, state)), observe(tested, state).need_prbs)
    assert differed and len(formats) > 1 and max(formats) < FULL.layers


def test_blocks_of_more_layers_are_as_many_times_larger() -> None:
    tables = mimo(Drops(1, (0,)), FULL).parts.tables
    sizes = tables.block_bytes.view(4, -1, 13)
    ratio = sizes[1:, 10:, 1:] / sizes[:1, 10:, 1:]
    layers = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(ratio, layers.expand_as(ratio), rtol=0.08, atol=0)
    one_layer = engine(Drops(1, (0,))).parts.tables
    assert torch.equal(one_layer.block_bytes, sizes[0].flatten())
    arrays, table = load_arrays("bler"), mcs_table(1)
    for more in range(4):  # a block of another rank has its own curve, by its size and the code rate of its bits
        for mcs, (order, rate) in enumerate(
            zip(table.modulation_order.tolist(), table.code_rate.tolist(), strict=True)
        ):
            ten, one = thresholds_db(arrays, order, Fraction(rate), 12 * tables.re_per_prb, more + 1)
            place, row = bin_of(10 ** (ten / 10)), mcs + more * len(table)
            read = tables.bler_curves[tables.bler_row[row * 13 + 12], place]
            assert read == pytest.approx(block_error(ten, one, bin_centre(place)), rel=1e-4)
            sinr = torch.tensor(10 ** (ten / 10))
            assert tables.mapping.of(sinr, torch.tensor(row)) == one_layer.mapping.of(sinr, torch.tensor(mcs))


def test_matrices_are_held_and_then_renewed() -> None:
    tested = mimo(Drops(1, (0,)), FOUR, block_slots=20)
    state, seen = tested.start(), []
    for _ in range(9):
        seen.append(state.block.response.matrices)
        observation = observe(tested, state)
        state, _ = tested.step(state, rotate(observation), observation.need_prbs)
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(seen)]
    assert changed == [False, False, False, True, False, False, False, True]


def test_an_engine_without_panels_knows_nothing_of_them() -> None:
    plain = engine(Drops(1, (0,)))
    assert type(plain.radio) is SisoDownlink and plain.parts.channel.mimo is None
    with pytest.raises(ValueError, match="build it with antennas"):
        SuMimo(plain.parts)
