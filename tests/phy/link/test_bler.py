from __future__ import annotations

import functools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import minimize
from scipy.special import log_ndtr

from phy.link.bler import BlerTable, cqi_threshold, load_bler, transport_bler
from phy.link.mcs import cqi_table, mcs_table
from phy.link.tables import load_arrays
from phy.numerics import log_grid
from phy.random import uniform

load = functools.cache(load_bler)
ROOT = Path(__file__).parents[3]
SNR_DB = 10 * np.log10(log_grid.centres().numpy())


def curve(table: BlerTable, mcs: int, size: int, snr_db: torch.Tensor) -> torch.Tensor:
    cbs_bin = table.cbs_bins(torch.tensor(size))
    return table.lookup(torch.tensor(mcs), cbs_bin, 10 ** (snr_db.to(torch.float64) / 10))


@pytest.mark.parametrize("index", [1, 2, 3])
def test_curves_pass_the_stored_thresholds(index: int) -> None:
    """Every MCS and size: BLER 0.1 and 0.01 at the stored SNRs, read by SciPy, within the step of the log grid."""
    table, stored = load(index), _stored()
    for mcs, (order, rate) in enumerate(zip(table.mcs.modulation_order, table.mcs.code_rate, strict=True)):
        for place in range(0, len(table.code_block_bits), 5):
            bits, curve_ = int(table.code_block_bits[place]), table.bler[mcs, place].numpy()
            for level, need_db in zip((0.1, 0.01), stored(int(order), float(rate), bits), strict=True):
                here = np.interp(need_db, SNR_DB, np.log10(np.maximum(curve_, 1e-9)))
                assert here == pytest.approx(math.log10(level), abs=0.02), (mcs, bits)


def _stored():  # type: ignore[no-untyped-def]
    """SNR in dB at BLER 0.1 and 0.01 by modulation order, code rate and size, the rate also being the MCS's."""
    data = load_arrays("bler")
    nodes = (np.log(data["rate"] / (1 - data["rate"])), np.log(data["code_block_bits"]))
    read = {
        (graph, order, name): RegularGridInterpolator(nodes, data[name][graph - 1, order // 2 - 1])
        for graph in (1, 2) for order in (2, 4, 6, 8) for name in ("snr_db_bler_10", "snr_db_bler_01")
    }  # fmt: skip

    def stored(order: int, rate: float, bits: int, true_rate: float | None = None) -> tuple[float, float]:
        graph = 2 if bits <= 308 or (bits <= 3840 and rate <= 0.67) or rate <= 0.25 else 1
        sent = true_rate or rate
        at = [math.log(sent / (1 - sent)), math.log(bits)]
        return (
            float(read[graph, order, "snr_db_bler_10"](at)[0]),
            float(read[graph, order, "snr_db_bler_01"](at)[0]),
        )

    return stored


@pytest.mark.parametrize("index", [1, 2, 3])
def test_bler_falls_from_one_to_zero(index: int) -> None:
    table = load(index).bler
    assert table.shape == (len(mcs_table(index)), 69, log_grid.SIZE)
    assert (table.diff(dim=-1) <= 0).all()
    assert (table[..., 0] == 1).all() and (table[..., -1] == 0).all()


def test_thresholds_rise_with_the_code_rate_and_fall_with_the_size() -> None:
    """Neighbouring codes of one modulation, at all sizes; neighbouring sizes of a base graph from 500 bits on."""
    stored, data = _stored(), load_arrays("bler")
    sizes, rows = data["code_block_bits"].tolist(), set()
    for index in (1, 2, 3):
        table = mcs_table(index)
        rows |= set(zip(table.modulation_order.tolist(), table.code_rate.tolist(), strict=True))
    need = {(q, r): np.array([stored(q, r, k) for k in sizes]) for q, r in sorted(rows)}
    assert len(need) == 43
    for (q, r), values in need.items():
        assert (values[:, 1] > values[:, 0] + 0.05).all()
        above = [other for other in need if other[0] == q and other[1] > r]
        if above:
            assert (need[min(above)][:, 0] - values[:, 0] > 0.25).all(), (q, r)
        for low, high in ((500, 3840), (3848, 8448)):
            part = values[[low <= k <= high for k in sizes], 0]
            assert (np.diff(part) < 0.15).all()
            assert part[0] >= part[-1] or r <= 0.25


def test_repetition_gains_what_it_costs_in_rate() -> None:
    """Far below the mother code's rate every bit is repeated alike: the energy of a block stays the same."""
    table = load(3)
    for size in (500, 1000, 3000):
        need_db = [10 * math.log10(float(table.snr_threshold(0.1, size)[mcs])) for mcs in range(5)]
        rates = [float(rate) for rate in table.mcs.code_rate[:5]]
        for low in range(4):
            gain = need_db[low + 1] - need_db[low]
            assert gain == pytest.approx(10 * math.log10(rates[low + 1] / rates[low]), abs=0.15)


def test_stored_points_lie_on_the_curves() -> None:
    """Measured errors against the table, as a shift of each waterfall in dB, at the code rate that was measured."""
    data, stored, score = load_arrays("bler"), _stored(), []
    names = ("bits", "coded", "order", "rate_1024")
    columns = zip(*(data[f"curve_{n}"].tolist() for n in names), strict=True)
    for number, (bits, coded, order, rate) in enumerate(columns):
        ten, one = stored(order, rate / 1024, bits, bits / coded)
        mine = data["point_curve"] == number
        z = 1.2816 + (data["point_snr_db"][mine] - ten) * 1.0448 / (one - ten)
        expected = torch.special.ndtr(-torch.from_numpy(z)).numpy()
        inside = (expected > 0.005) & (expected < 0.7)
        expected, blocks = expected[inside], data["point_blocks"][mine][inside]
        slope = np.exp(-0.5 * z[inside] ** 2) / math.sqrt(2 * math.pi) * 1.0448 / (one - ten)  # of BLER, per dB
        weight = slope**2 * blocks / (expected * (1 - expected))
        shift = (expected - data["point_errors"][mine][inside] / blocks) / slope
        score.append([bits, float((weight * shift).sum() / weight.sum()), float(weight.sum() ** -0.5)])
    bits, shift_db, error_db = np.array(score).T
    assert len(score) > 1400
    assert abs(np.mean(shift_db[bits > 300])) < 0.01
    usual = data["curve_bits"] / data["curve_coded"] < 0.8  # beyond, short codes are poor and erratic
    near = np.abs(shift_db) < 0.05 + 3 * error_db
    assert near[usual].mean() > 0.98 and near.mean() > 0.95


def test_blind_codes_err_by_less_than_a_tenth_of_a_decibel() -> None:
    """Codes drawn by a seed and kept out of the fit: the table again, and what was recorded of it."""
    data, stored = load_arrays("bler"), _stored()
    said = json.loads(str(data["provenance"]))["blind"]
    assert said["curves"] == len(data["blind_bits"]) == (data["curve_role"] == "blind").sum() >= 50
    for level in ("10", "01"):
        error, noise = data[f"blind_error_{level}_db"], data[f"blind_se_{level}_db"]
        sent = data["blind_bits"] >= 40  # NR has no smaller code block
        assert (np.abs(error)[sent] < 0.1 + 2 * noise[sent]).all()
        assert np.sqrt(np.mean(error[sent] ** 2)) < 0.06
    rows = zip(*(data[f"blind_{n}"].tolist() for n in ("order", "rate_1024", "bits", "coded")), strict=True)
    for place, (order, rate, bits, coded) in enumerate(rows):
        ten, one = stored(order, rate / 1024, bits, bits / coded)
        mine = data["point_curve"] == np.flatnonzero(data["curve_role"] == "blind")[place]
        points = np.stack([data[f"point_{n}"][mine] for n in ("snr_db", "blocks", "errors")], -1)
        need = _likeliest(points)
        assert need[0] == pytest.approx(ten - data["blind_error_10_db"][place], abs=0.02), (order, rate, bits)
        assert need[1] == pytest.approx(one - data["blind_error_01_db"][place], abs=0.03), (order, rate, bits)


def test_codes_drawn_after_the_fit_err_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second blind set: its codes are those of the seed and none of the first, its errors those of the page."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.link_tables.codes import blind

    data = ROOT / "benchmarks" / "link_tables" / "data"
    lines = (data / "held_out_codes.jsonl").read_text(encoding="utf-8").splitlines()
    rows, stored, errors = [json.loads(line) for line in lines], _stored(), []
    assert {row["key"] for row in rows} == {curve.key for curve in blind(20261122)} and len(rows) == 60
    assert not {curve.identity for curve in blind()} & {curve.identity for curve in blind(20261122)}
    for row in rows:
        said = stored(row["order"], row["rate_1024"] / 1024, row["bits"], row["bits"] / row["coded"])
        errors.append(np.subtract(said, _likeliest(np.array(row["points"]))))
    page = (ROOT / "docs" / "models" / "link-tables.md").read_text(encoding="utf-8").partition("| second set")[2]
    for level, error in zip(("0.1", "0.01"), np.abs(errors).T, strict=True):
        rms, largest = re.search(rf"\| all \| 60 \| {level} \| ([\d.]+) dB \| ([\d.]+) dB", page).groups()  # type: ignore[union-attr]
        assert float(rms) == pytest.approx(np.sqrt(np.mean(error**2)), abs=0.002)
        assert float(largest) == pytest.approx(error.max(), abs=0.006)


def _likeliest(points: np.ndarray) -> tuple[float, float]:
    """SNR in dB at BLER 0.1 and 0.01 of the likeliest curve through measured points."""
    snr, blocks, errors = points.T

    def loss(at: np.ndarray) -> float:
        z = (snr - at[0]) / np.exp(at[1])
        return -float(errors @ log_ndtr(-z) + (blocks - errors) @ log_ndtr(z))

    middle, width = minimize(loss, [np.average(snr, weights=errors), -1.0], method="Nelder-Mead").x
    return middle + 1.2816 * np.exp(width), middle + 2.3263 * np.exp(width)


def _z(bler: np.ndarray) -> np.ndarray:
    return torch.special.ndtri(torch.from_numpy(bler)).numpy()


def test_provenance_is_recorded() -> None:
    data = load_arrays("bler")
    said = json.loads(str(data["provenance"]))
    assert "make_bler_tables" in said["command"] and "20 iterations" in said["decoder"]
    assert said["blocks"] > 10**7 and said["versions"]["sionna-no-rt"] and said["date"]
    assert said["curves"] == (data["curve_role"] != "blind").sum()
    assert len(data["point_blocks"]) == len(data["point_errors"]) == len(data["point_snr_db"])
    assert data["error_10_db"].shape == data["error_01_db"].shape == (43, len(data["code_block_bits"]))
    from importlib.resources import files

    assert len(files("phy.link.tables").joinpath("bler.npz").read_bytes()) < 5_000_000


@pytest.mark.parametrize(("index", "mcs", "bits"), [(1, 5, 208), (1, 13, 320), (2, 19, 692), (2, 24, 491)])
def test_sionnas_own_chain_gives_the_same_error_rate(index: int, mcs: int, bits: int) -> None:
    """400 blocks near BLER 0.2, encoder to decoder by Sionna alone; the range is 0.15 dB and four standard errors."""
    pytest.importorskip("sionna", reason="Sionna is not installed")
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
    from sionna.phy.mapping import Constellation, Demapper, Mapper

    table = load(index)
    order, rate = int(table.mcs.modulation_order[mcs]), float(table.mcs.code_rate[mcs])
    encoder = LDPC5GEncoder(bits, order * round(bits / rate / order), num_bits_per_symbol=order)
    decoder = LDPC5GDecoder(encoder, num_iter=20)
    points = Constellation("qam", order)
    snr = float(table.snr_threshold(0.2, bits)[mcs])
    numbers = uniform(torch.tensor([bits + mcs]), (400, bits + 2 * encoder.n // order))[0].to(torch.float32)
    info = (numbers[:, :bits] < 0.5).to(torch.float32)
    noise = math.sqrt(1 / snr) * torch.erfinv(2 * numbers[:, bits:].clamp(1e-7, 1 - 1e-7) - 1)
    got = Mapper(constellation=points)(encoder(info)) + torch.complex(*noise.chunk(2, dim=1))
    llr = Demapper("app", constellation=points)(got, torch.tensor(1 / snr))
    measured = float((decoder(llr) != info).any(-1).float().mean())
    high, low = (float(curve(table, mcs, bits, torch.tensor(10 * math.log10(snr) + shift))) for shift in (-0.15, 0.15))
    error = 4 * math.sqrt(0.2 * 0.8 / 400)
    assert low - error < measured < high + error


def test_fast_chain_decides_as_sionnas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder that made the table, in torch and in C, against Sionna's; LLRs against Sionna's demapper."""
    pytest.importorskip("sionna", reason="Sionna is not installed")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
    from sionna.phy.mapping import Constellation, Demapper, Mapper

    from benchmarks.link_tables.ldpc_chain import Chain, compiled

    generator = torch.Generator().manual_seed(3)
    for bits, rate, order, snr_db in ((100, 0.3, 2, -1.0), (400, 0.5, 4, 5.9), (700, 0.8, 6, 16.0)):
        chain = Chain(bits, rate, order)
        encoder = LDPC5GEncoder(bits, chain.coded, num_bits_per_symbol=order, bg=f"bg{base_graph_of(chain)}")
        words = chain.codewords(64, generator)
        assert torch.equal(encoder(words[:, :bits]), words[:, chain.sent])
        state = generator.get_state()
        llr = chain.llrs(words, torch.tensor(10 ** (snr_db / 10)), generator)
        points = Constellation("qam", order)
        noise = torch.randn(64, chain.coded // order, 2, generator=generator.set_state(state)) * 10 ** (-snr_db / 20)
        sent = Mapper(constellation=points)(words[:, chain.sent])
        theirs = Demapper("app", constellation=points)(
            sent + torch.complex(noise[..., 0], noise[..., 1]) / math.sqrt(2), torch.tensor(10 ** (-snr_db / 10))
        )
        torch.testing.assert_close(llr.clamp(-20, 20), theirs.clamp(-20, 20), rtol=1e-3, atol=1e-3)
        wrong = (LDPC5GDecoder(encoder, num_iter=20)(llr) != words[:, :bits]).any(-1)
        assert 3 < int(wrong.sum()) < 61
        for iterate in (chain.graph.iterate_torch, chain.graph.iterate_compiled):
            if iterate == chain.graph.iterate_torch or compiled() is not None:
                chain.iterate = iterate
                assert int((chain.decode(llr, words) != wrong).sum()) <= 1, (bits, iterate)


def base_graph_of(chain: object) -> int:
    return 1 if chain.encoder._bg == "bg1" else 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("index", [1, 2, 3])
def test_agrees_with_the_points_that_sionna_ships(index: int) -> None:
    """Their points inside a waterfall from 500 bits on, as a shift along the SNR axis.

    They round the coded bits up to whole symbols, which our thresholds are moved for along the code rate.
    """
    sys_ = pytest.importorskip("sionna.sys", reason="Sionna is not installed")
    path = Path(sys_.__file__).parent / "bler_tables" / f"PDSCH_table{index}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["category"]["1"]["index"][str(index)]["MCS"]
    table, stored, shifts = mcs_table(index), _stored(), []
    for mcs, found in rows.items():
        order, rate = int(table.modulation_order[int(mcs)]), float(table.code_rate[int(mcs)])
        for size, points in found["CBS"].items():
            bits = int(size)
            if bits < 500:
                continue
            ten, one = stored(order, rate, bits, bits / (order * math.ceil(bits / rate / order - 1e-9)))
            for snr_db, bler in zip(found["SNR_db"], points["BLER"], strict=True):
                if 0.03 < bler < 0.6:
                    shifts.append(ten + (-float(_z(np.array(bler))) - 1.2816) * (one - ten) / 1.0448 - snr_db)
    assert len(shifts) > 20
    assert abs(float(np.median(shifts))) < 0.04 and max(map(abs, shifts)) < 0.2, shifts


@pytest.mark.parametrize(
    ("index", "mcs", "low_db", "high_db"),
    [(1, 0, -7.5, -5.5), (1, 3, -4, -2), (1, 9, 2, 4), (1, 16, 7, 10), (1, 28, 18, 20), (2, 27, 24, 26.5),
     (3, 0, -13.5, -11.5), (3, 28, 14.5, 16.5)],
)  # fmt: skip
def test_thresholds_are_plausible(index: int, mcs: int, low_db: float, high_db: float) -> None:
    assert low_db < 10 * float(load(index).snr_threshold()[mcs].log10()) < high_db


@pytest.mark.parametrize("index", [1, 2, 3])
def test_thresholds_rise_and_stay_above_shannon(index: int) -> None:
    table = load(index)
    for target in (0.5, 0.1, 0.01, 1e-5):
        threshold = table.snr_threshold(target)
        assert (threshold.diff() >= 0).all()
        assert (threshold > 2**table.mcs.efficiency - 1).all() or target == 0.5
        at = table.lookup(torch.arange(len(threshold)), table.cbs_bins(torch.tensor(1000)), threshold)
        assert (at <= target).all()
    assert (table.snr_threshold(0.01) >= table.snr_threshold(0.1)).all()
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.0"):
        table.snr_threshold(1.0)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_cqi_thresholds(index: int) -> None:
    table, cqi = load(index), cqi_table(index)
    threshold = cqi_threshold(cqi, table)
    assert threshold.shape == (15,) and (threshold.diff() > 0).all()
    mcs = table.snr_threshold()
    for place, (order, rate) in enumerate(zip(cqi.modulation_order[1:], cqi.code_rate[1:], strict=True)):
        same = ((table.mcs.modulation_order == order) & (table.mcs.code_rate == rate)).nonzero().flatten()
        lowest = load(3).snr_threshold()[4]  # QPSK, 78/1024
        expected = mcs[same[0]] if len(same) else lowest
        assert threshold[place] == pytest.approx(float(expected), rel=1e-12)


def test_cqi_threshold_refuses_tables_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"CQI table 2 asks for modulation order 8 .* use CQI table 1"):
        cqi_threshold(cqi_table(2), load(1))


def test_cbs_bins_are_the_nearest_by_ratio() -> None:
    table = load(1)
    sizes = table.code_block_bits
    assert torch.equal(table.cbs_bins(sizes), torch.arange(69))
    every = torch.arange(24, 8449)
    distance = (every[:, None].double().log() - sizes.double().log()).abs()
    got = table.cbs_bins(every)
    assert got.dtype == torch.int64
    assert torch.equal(distance.gather(1, got[:, None])[:, 0], distance.amin(1))
    assert table.cbs_bins(torch.tensor([0, 10**6])).tolist() == [0, 68]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lookup_broadcasts_and_keeps_the_dtype(dtype: torch.dtype) -> None:
    table = load(1).to(dtype=dtype)
    sinr = torch.logspace(-2, 2, 60, dtype=dtype).reshape(3, 4, 5)
    mcs, cbs = torch.arange(12).reshape(3, 4, 1), torch.tensor([3, 9, 15, 21])[:, None]
    got = table.lookup(mcs, cbs, sinr)
    assert got.dtype == dtype and got.shape == sinr.shape
    for i, j, k in np.ndindex(3, 4, 5):
        assert got[i, j, k] == table.bler[i * 4 + j, int(cbs[j]), int(log_grid.index(sinr[i, j, k]))]


def test_transport_bler() -> None:
    p = torch.tensor([0.0, 1.0, 0.1, 1e-4, 0.1, 0.7], dtype=torch.float32)
    n = torch.tensor([3, 3, 1, 10, 3, 0])
    got = transport_bler(p, n)
    expected = [0.0, 1.0, 0.1, 1 - 0.9999**10, 1 - 0.9**3, 0.0]
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-12)
