from __future__ import annotations

import pytest
import torch

from phy.link.mcs import cqi_table, mcs_table

# The efficiencies that TS 38.214 prints, with four decimals
CQI_EFFICIENCY = {
    1: "0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547",
    2: "0.1523 0.3770 0.8770 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547 6.2266 6.9141 7.4063",
    3: "0.0586 0.0977 0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234",
}


@pytest.mark.parametrize(("index", "rows"), [(1, 29), (2, 28), (3, 29)])
def test_every_mcs_equals_sionna(index: int, rows: int) -> None:
    from sionna.phy.nr.utils import MCSDecoderNR

    table = mcs_table(index)
    assert len(table) == rows
    order, rate = MCSDecoderNR(device="cpu")(torch.arange(rows), index, 1)
    assert torch.equal(table.modulation_order, order.to(torch.int64))
    assert torch.equal(table.code_rate, rate.to(torch.float64))
    assert torch.equal(table.efficiency, table.modulation_order * table.code_rate)


def test_mcs_efficiency_rises_but_where_the_standard_says_so() -> None:
    for index in (1, 2, 3):
        falls = (mcs_table(index).efficiency.diff() <= 0).nonzero().flatten().tolist()
        assert falls == ([16] if index == 1 else [])  # 16QAM 658/1024 carries more than 64QAM 438/1024
    assert mcs_table(1).efficiency[28].item() == pytest.approx(5.5547, abs=5e-5)
    assert mcs_table(2).efficiency[27].item() == pytest.approx(7.4063, abs=5e-5)
    assert mcs_table(3).efficiency[0].item() == pytest.approx(0.0586, abs=5e-5)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_cqi_equals_the_printed_efficiencies(index: int) -> None:
    table = cqi_table(index)
    assert len(table) == 16
    assert table.efficiency[0] == 0 and table.code_rate[0] == 0 and table.modulation_order[0] == 0
    printed = torch.tensor([float(value) for value in CQI_EFFICIENCY[index].split()], dtype=torch.float64)
    torch.testing.assert_close(table.efficiency[1:], printed, atol=5.1e-5, rtol=0)
    assert (table.efficiency.diff() > 0).all()


@pytest.mark.parametrize("index", [1, 2, 3])
def test_every_cqi_but_the_lowest_of_tables_1_and_2_is_an_mcs(index: int) -> None:
    cqi, mcs = cqi_table(index), mcs_table(index)
    pairs = set(zip(mcs.modulation_order.tolist(), mcs.code_rate.tolist(), strict=True))
    wanted = list(zip(cqi.modulation_order.tolist(), cqi.code_rate.tolist(), strict=True))[1:]
    assert [pair for pair in wanted if pair not in pairs] == ([] if index == 3 else [(2, 78 / 1024)])


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="MCS table 4 does not exist; use one of 1, 2, 3"):
        mcs_table(4)
    with pytest.raises(ValueError, match="CQI table 0 does not exist"):
        cqi_table(0)
