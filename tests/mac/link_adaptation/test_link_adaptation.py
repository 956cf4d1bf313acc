"""Reports, inner loop, outer loop."""

from __future__ import annotations

import pytest
import torch

from mac.carrier import CarrierSettings
from mac.link_adaptation.adaptation import LinkAdaptation, LinkSettings, outer_loop
from mac.link_adaptation.tables import link_tables
from phy.link.bler import cqi_threshold, load_bler
from phy.link.mcs import cqi_table
from phy.numerics import log_grid

CPU = torch.device("cpu")


def adaptation(table: int = 1, **link: object) -> LinkAdaptation:
    carrier = CarrierSettings(mcs_table=table)  # type: ignore[arg-type]
    return link_tables(carrier, LinkSettings(**link), CPU, torch.float64).adaptation  # type: ignore[arg-type]


@pytest.mark.parametrize("table", [1, 2, 3])
def test_report_is_the_greatest_cqi_whose_threshold_is_reached(table: int) -> None:
    tested, cqi = adaptation(table), cqi_table(table)
    threshold = cqi_threshold(cqi, load_bler(table))
    re_per_prb = 12 * 12 - 12
    sinr = 10.0 ** torch.linspace(-2.0, 3.0, 200, dtype=torch.float64)
    reported = tested.report(sinr) / re_per_prb
    for one, seen in zip(sinr.tolist(), reported.tolist(), strict=True):
        exact = float(cqi.efficiency[sum(one >= float(edge) for edge in threshold)])
        off = [float(cqi.efficiency[sum(one * k >= float(edge) for edge in threshold)]) for k in (0.99, 1.01)]
        assert seen == pytest.approx(exact) or seen in [pytest.approx(value) for value in off]


def test_mcs_rises_with_reports_and_with_the_offset() -> None:
    tested = adaptation()
    bits = tested.levels[1:]
    mcs = tested.choose_mcs(bits, torch.zeros_like(bits))
    assert (mcs.diff() >= 0).all()
    assert mcs[-1] == 28
    assert (tested.choose_mcs(bits, torch.full_like(bits, 3.0)) >= mcs).all()
    assert (tested.choose_mcs(bits, torch.full_like(bits, -40.0)) == 0).all()


def test_a_report_of_one_level_chooses_the_mcs_of_that_level() -> None:
    """At the very SINR of a CQI's threshold the MCS of the same efficiency is found, within one step."""
    tested, bler = adaptation(), load_bler(1)
    efficiency = bler.mcs.efficiency * 132
    chosen = tested.choose_mcs(tested.levels[1:], torch.zeros(15, dtype=torch.float64))
    ratio = efficiency[chosen] / tested.levels[1:]
    assert (ratio[1:] > 0.8).all()
    assert (ratio[2:] < 1.2).all()


def test_subbands_report_one_level_not_above_their_mean() -> None:
    tested = adaptation(subband_prbs=4)
    sinr = log_grid.centres()[torch.tensor([[600, 700, 800, 900, 650, 650, 650, 650, 1000, 1000]])]
    fine, coarse = adaptation().report(sinr), tested.report(sinr)
    for first, last in ((0, 4), (4, 8), (8, 10)):
        band = coarse[0, first:last]
        assert (band == band[0]).all()
        assert band[0] <= fine[0, first:last].mean() * (1 + 1e-6)
        level = int((tested.levels == band[0]).nonzero())
        assert level == 15 or tested.levels[level + 1] > fine[0, first:last].mean()
    assert coarse[0, 4] == fine[0, 4]


def test_outer_loop_balances_at_its_target() -> None:
    settings = LinkSettings(bler_target=0.2, outer_loop_step_db=0.4)
    offset = torch.zeros(1)
    sent, failed = torch.tensor([True]), torch.tensor([True])
    for number in range(10):
        offset = outer_loop(offset, sent, failed if number in (3, 7) else ~failed, settings)
    assert offset.item() == pytest.approx(0.0, abs=1e-6)
    assert outer_loop(offset, ~sent, ~failed, settings).equal(offset)
    for _ in range(100):
        offset = outer_loop(offset, sent, failed, settings)
    assert offset.item() == pytest.approx(-settings.outer_loop_limit_db)
