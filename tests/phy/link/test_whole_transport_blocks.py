"""Whole transport blocks, with CRC and segmentation, against Sionna's encoder and against what a slot looks up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from oracles_bler import thresholds_db

from mac.carrier import CarrierSettings
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.tables import link_tables
from phy.link.bler import block_curves, transport_bler
from phy.link.mcs import mcs_table
from phy.link.tables import load_arrays
from phy.link.transport_block import transport_blocks
from phy.numerics.log_grid import gather

ROOT = Path(__file__).parents[3]
DATA = ROOT / "benchmarks" / "link_tables" / "data"


@pytest.mark.parametrize(("table", "mcs", "prbs"), [(1, 4, 1), (1, 28, 1), (1, 20, 12), (1, 16, 32), (1, 3, 80)])
@pytest.mark.filterwarnings("ignore:Effective coderate")
def test_coded_bits_are_those_of_sionna(monkeypatch: pytest.MonkeyPatch, table: int, mcs: int, prbs: int) -> None:
    """CRCs, one or two code blocks, base graphs 1 and 2, bit for bit."""
    nr = pytest.importorskip("sionna.phy.nr", reason="Sionna is not installed")
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.link_tables.check_transport_blocks import TransportChain

    chain = TransportChain(table, mcs, prbs, 132)
    encoder = nr.TBEncoder(
        target_tb_size=chain.transport_bits, num_coded_bits=chain.sent_bits, target_coderate=chain.rate,
        num_bits_per_symbol=chain.order, use_scrambler=False,
    )  # fmt: skip
    bits = torch.randint(0, 2, (4, chain.transport_bits), generator=torch.Generator().manual_seed(1))
    mine = torch.cat([w[:, c.sent] for w, c in zip(chain.codewords(bits), chain.chains, strict=True)], -1)
    assert torch.equal(encoder(bits.float()), mine)


@pytest.mark.parametrize(
    ("table", "mcs", "prbs", "count"), [(1, 0, 1, 3000), (1, 9, 1, 3000), (3, 0, 4, 2000), (1, 16, 32, 200)]
)
def test_blocks_are_lost_as_often_as_the_slot_says(
    monkeypatch: pytest.MonkeyPatch, table: int, mcs: int, prbs: int, count: int
) -> None:
    """Simulated where the tables say BLER 0.1; within 0.12 dB and four standard errors. Without CRC: 0.5 to 2.6 dB."""
    pytest.importorskip("sionna", reason="Sionna is not installed")
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.link_tables.check_transport_blocks import TransportChain, tabulated_db

    tables = link_tables(
        CarrierSettings(prbs=prbs, mcs_table=table), LinkSettings(), torch.device("cpu"), torch.float64
    )
    cell = mcs * (prbs + 1) + prbs
    need_db = tabulated_db(tables, cell, 0.1)
    generator = torch.Generator().manual_seed(11)
    chain = TransportChain(table, mcs, prbs, tables.re_per_prb)
    lost = chain.errors(torch.tensor(10 ** (need_db / 10)), count, generator).float().mean().item()
    near = torch.tensor([10 ** ((need_db + x) / 10) for x in (0.12, -0.12)], dtype=torch.float64)
    low, high = transport_bler(
        gather(tables.bler_curves, tables.bler_row[cell], near), tables.code_blocks[cell]
    ).tolist()
    error = 4 * math.sqrt(0.09 / count)
    assert low - error < lost < high + error


def test_simulated_blocks_meet_the_tables() -> None:
    """What ``check_transport_blocks.py`` recorded: 0.1 dB at BLER 0.1, but for code rates that NR lets a UE skip."""
    rows = [json.loads(line) for line in (DATA / "transport_blocks.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) >= 12 and {row["code_blocks"] for row in rows} >= {1, 2} and {row["prbs"] for row in rows} >= {1}
    assert all(abs(row["error_10_db"]) < (0.1 if row["true_rate"] <= 0.95 else 0.2) for row in rows)
    assert all(abs(row["error_01_db"]) < 0.1 + 2 * row["se_01_db"] for row in rows)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_curves_are_at_the_true_code_rate(index: int) -> None:
    """Each block's curve crosses BLER 0.1 and 0.01 where the thresholds of its code rate say, to 0.012 and 0.04 dB."""
    from fractions import Fraction

    table, arrays = mcs_table(index), load_arrays("bler")
    blocks = [transport_blocks(table, 60, 132, layers) for layers in (1, 2)]
    row, curves = block_curves(table, blocks)
    cells = row.view(2, len(table), 61)
    assert row.min() == 0 and row.max() == len(curves) - 1 and (curves.diff(dim=-1) <= 0).all()
    step = 10 * torch.from_numpy(_snr_db())
    for layers in (1, 2):
        for mcs in range(0, len(table), 3):
            order, rate = int(table.modulation_order[mcs]), Fraction(float(table.code_rate[mcs]))
            for prbs in (1, 2, 3, 7, 20, 60):
                curve = curves[cells[layers - 1, mcs, prbs]]
                z = -torch.special.ndtri(curve.clamp(1e-8, 1 - 1e-8))
                inside = (z > -4) & (z < 4)
                for need_db, at, most in zip(
                    thresholds_db(arrays, order, rate, 132 * prbs, layers),
                    (1.28155, 2.32635),
                    (0.012, 0.06),
                    strict=True,
                ):
                    right = int(torch.searchsorted(z[inside].contiguous(), at))
                    z0, z1 = z[inside][right - 1 : right + 1]
                    s0, s1 = step[inside][right - 1 : right + 1]
                    assert float(s0 + (s1 - s0) * (at - z0) / (z1 - z0)) == pytest.approx(need_db, abs=most)


def _snr_db():  # type: ignore[no-untyped-def]
    from phy.numerics import log_grid

    return log_grid.centres().log10().numpy()


def test_checksums_cost_what_they_should() -> None:
    """A block of 24 bits in a PRB of MCS 0 is sent with 16 bits more: 1.3 times the MCS's code rate, 1.3 dB or so."""
    blocks = transport_blocks(mcs_table(1), 50, 132)
    assert blocks.code_rate[0, 1] == pytest.approx(40 / 264)
    assert blocks.code_rate[0, 0] == 0
    ratio = blocks.code_rate[:, 1:] / mcs_table(1).code_rate[:, None]
    assert ratio[:, 0].max() == pytest.approx(1.3835, abs=1e-3) and ratio.min() > 0.98
    assert ((ratio[:, 20:] - 1).abs() < 0.06).all()
    tables = link_tables(CarrierSettings(), LinkSettings(), torch.device("cpu"), torch.float64)
    curve = tables.bler_curves[tables.bler_row.view(-1, 51)[0]]
    need_db = [10 * _snr_db()[int((c <= 0.1).int().argmax())] for c in (curve[1], curve[50])]
    assert 1.5 < need_db[0] - need_db[1] < 3.5
