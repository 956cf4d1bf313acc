from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from oracles_link import TBS_TABLE, transport_block

from phy.link.mcs import mcs_table
from phy.link.transport_block import resource_elements_per_prb, transport_blocks


@pytest.mark.parametrize(("index", "re_per_prb", "layers"), [(1, 132, 1), (2, 156, 4), (3, 120, 1), (3, 1, 1)])
def test_equals_the_slow_oracle(index: int, re_per_prb: int, layers: int) -> None:
    table = mcs_table(index)
    blocks = transport_blocks(table, 275, re_per_prb, layers)
    for mcs in range(len(table)):
        order, rate = int(table.modulation_order[mcs]), Fraction(float(table.code_rate[mcs]))
        for prbs in (*range(1, 60), *range(60, 276, 5), 275):
            expected = transport_block(order, rate, prbs * re_per_prb, layers)
            got = (blocks.bits[mcs, prbs], blocks.code_blocks[mcs, prbs], blocks.code_block_bits[mcs, prbs])
            assert tuple(map(int, got)) == expected, (mcs, prbs)


@pytest.mark.parametrize("index", [1, 2, 3])
@pytest.mark.parametrize("re_per_prb", [120, 156])
def test_equals_sionna_for_every_mcs_and_number_of_prbs(index: int, re_per_prb: int) -> None:
    from sionna.phy.nr.utils import calculate_tb_size

    table = mcs_table(index)
    blocks = transport_blocks(table, 275, re_per_prb)
    prbs = torch.arange(1, 276).expand(len(table), -1)
    order = table.modulation_order[:, None].expand_as(prbs)
    bits, block_bits, number, *_ = calculate_tb_size(
        order, table.code_rate[:, None].expand_as(prbs), num_coded_bits=order * prbs * re_per_prb,
        return_cw_length=False, device="cpu",
    )  # fmt: skip
    assert torch.equal(blocks.bits[:, 1:], bits.to(torch.int64))
    assert torch.equal(blocks.code_blocks[:, 1:], number.to(torch.int64))
    assert torch.equal(blocks.code_block_bits[:, 1:], block_bits.to(torch.int64))


def test_code_blocks_hold_the_block_and_its_checksums() -> None:
    blocks = transport_blocks(mcs_table(2), 275, 156)
    bits, number, size = blocks.bits[:, 1:], blocks.code_blocks[:, 1:], blocks.code_block_bits[:, 1:]
    checksum = torch.where(bits > 3824, 24, 16) + torch.where(number > 1, 24 * number, 0)
    assert torch.equal(number * size, bits + checksum)
    assert size.max() <= 8448 and size.min() >= 40
    assert (bits % 8 == 0).all()
    assert (bits.diff(dim=1) >= 0).all()


def test_rate_is_that_of_the_mcs() -> None:
    table = mcs_table(1)
    blocks = transport_blocks(table, 100, 132)
    carried = blocks.bits[:, 100] / (100 * 132)
    torch.testing.assert_close(carried.to(torch.float64), table.efficiency, rtol=0.02, atol=0)


def test_no_prb_carries_nothing_and_the_index_is_flat() -> None:
    blocks = transport_blocks(mcs_table(1), 50, 132)
    assert blocks.bits.shape == blocks.code_blocks.shape == blocks.code_block_bits.shape == (29, 51)
    assert {t.dtype for t in (blocks.bits, blocks.code_blocks, blocks.code_block_bits)} == {torch.int64}
    assert not blocks.bits[:, 0].any() and not blocks.code_blocks[:, 0].any() and not blocks.code_block_bits[:, 0].any()
    mcs, prbs = torch.tensor([[0, 5], [28, 28]]), torch.tensor([[50, 0], [1, 50]])
    assert torch.equal(blocks.bits.view(-1)[blocks.index(mcs, prbs)], blocks.bits[mcs, prbs])


def test_known_sizes() -> None:
    """A full 20 MHz carrier (106 PRBs), 64QAM 0.926, 156 resource elements: N_info 91849.8, hence 92200 bits."""
    blocks = transport_blocks(mcs_table(1), 106, 156)
    assert int(blocks.bits[28, 106]) == 92200
    assert int(blocks.code_blocks[28, 106]) == 11
    assert int(blocks.bits[0, 1]) in TBS_TABLE


def test_resource_elements() -> None:
    assert resource_elements_per_prb(14, 12) == 156
    assert resource_elements_per_prb(14, 0) == 156
    assert resource_elements_per_prb(12, 12) == 132
    assert resource_elements_per_prb(12, 12, 6) == 126
    with pytest.raises(ValueError, match="leave no resource element"):
        resource_elements_per_prb(1, 12)
    with pytest.raises(ValueError, match="must be 1 to 14, not 15"):
        resource_elements_per_prb(15, 0)
    with pytest.raises(ValueError, match="cannot be negative"):
        resource_elements_per_prb(14, -1)


@pytest.mark.parametrize(
    ("prbs", "elements", "layers", "name"), [(0, 132, 1, "max_prbs"), (276, 132, 1, "max_prbs"),
                                             (50, 157, 1, "re_per_prb"), (50, 132, 5, "layers")]
)  # fmt: skip
def test_arguments_out_of_range_are_refused(prbs: int, elements: int, layers: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 to"):
        transport_blocks(mcs_table(1), prbs, elements, layers)
