from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles_link import bicm_information, effective_sinr

from phy.link.bler import load_bler
from phy.link.effective_sinr import Kind, SinrMapping, sinr_mapping
from phy.link.mcs import mcs_table
from phy.link.tables import load_arrays, load_json
from phy.numerics import log_grid
from phy.random import uniform

ORDERS = (2, 4, 6, 8)
ROW = {2: 1, 4: 7, 6: 14, 8: 23}  # an MCS of table 2 for each modulation order


@functools.cache
def mapping(kind: Kind, table: int = 2, dtype: torch.dtype = torch.float64) -> SinrMapping:
    return sinr_mapping(kind, mcs_table(table)).to(dtype=dtype)


def db(value: torch.Tensor) -> torch.Tensor:
    return 10 * value.to(torch.float64).log10()


@pytest.mark.parametrize("order", ORDERS)
def test_mutual_information_equals_two_dimensional_quadrature(order: int) -> None:
    stored = load_arrays("mutual_information")["mutual_information"][ORDERS.index(order)]
    sinr = log_grid.centres().numpy()
    for snr_db in (-15.0, -5.0, 0.0, 6.0) if order == 8 else (-15.0, -8.0, -2.0, 0.0, 4.0, 8.0, 12.0):
        bin_ = int(np.abs(sinr - 10 ** (snr_db / 10)).argmin())
        exact = bicm_information(order, sinr[bin_], 24 if order == 8 else 64)
        # Gauss-Hermite meets the kinks of high SNR slowly.
        assert stored[bin_] == pytest.approx(exact, abs=1e-8 if snr_db < -3 else 2e-4)


@pytest.mark.parametrize("order", [2, 6])
def test_mutual_information_equals_monte_carlo(order: int) -> None:
    """Sionna's constellation, exact LLRs, fresh noise: I = 1 - E[log2(1 + exp(-+LLR))]."""
    from sionna.phy.mapping import Constellation, Demapper, Mapper

    stored = load_arrays("mutual_information")["mutual_information"][ORDERS.index(order)]
    sinr = log_grid.centres()
    bin_ = int((sinr - 10 ** (0.6 if order == 6 else 0.0)).abs().argmin())
    numbers = uniform(torch.tensor([7]), (100_000 * order + 200_000,))[0]
    bits = (numbers[: 100_000 * order].reshape(-1, order) < 0.5).to(torch.float64)
    noise = math.sqrt(2) * torch.erfinv(2 * numbers[100_000 * order :] - 1)
    points = Constellation("qam", order, precision="double", device="cpu")
    sent = Mapper(constellation=points, precision="double", device="cpu")(bits)[:, 0]
    variance = 1 / float(sinr[bin_])
    got = sent + torch.complex(*(noise * math.sqrt(variance / 2)).chunk(2))
    llr = Demapper("app", constellation=points, precision="double", device="cpu")(got[:, None], variance)
    loss = torch.nn.functional.softplus(-(2 * bits - 1) * llr) / math.log(2)
    assert stored[bin_] == pytest.approx(1 - float(loss.mean()), abs=6 * float(loss.std()) / math.sqrt(loss.numel()))


def test_known_values_and_limits() -> None:
    data = load_arrays("mutual_information")
    sinr, mi = data["sinr"], data["mutual_information"]
    np.testing.assert_array_equal(sinr, log_grid.centres().numpy())
    at_0_db = int(np.abs(sinr - 1).argmin())
    assert mi[0, at_0_db] == pytest.approx(0.486, abs=0.004)
    shannon = np.log2(1 + sinr)
    for order, row in zip(ORDERS, mi, strict=True):
        assert (row * order < shannon).all()
        assert (np.diff(row) >= 0).all() and row[-1] == pytest.approx(1, abs=1e-9)
    # QPSK loses nothing against Shannon at low SNR; the Gray labels of larger alphabets do
    assert mi[0, 200] * 2 == pytest.approx(shannon[200], rel=0.02)
    assert mi[3, 200] * 8 < 0.97 * shannon[200]
    assert (mi[1] * 4 > mi[0] * 2)[sinr > 4].all() and (mi[3] * 8 > mi[2] * 6)[sinr > 60].all()


def test_provenance_is_recorded() -> None:
    assert "make_mutual_information" in json.loads(str(load_arrays("mutual_information")["provenance"]))["command"]
    assert "not recorded" in load_json("eesm_beta")["provenance"]["content"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", ORDERS)
def test_equal_sinrs_map_onto_themselves_by_mutual_information(order: int, dtype: torch.dtype) -> None:
    table, mcs = mapping("miesm", dtype=dtype), torch.tensor(ROW[order])
    sinr = 10 ** (torch.arange(-15, 45, 0.01, dtype=torch.float64) / 10).to(dtype)
    value = table.of(sinr, mcs)
    back = table.inverse(value, mcs)
    assert value.dtype == back.dtype == dtype
    useful = value <= 0.999
    assert int(useful.sum()) > 2000
    assert (db(back) - db(sinr)).abs()[useful].max() < 0.1
    assert ((back[~useful] > 0.9 * sinr[useful].max()) & (back[~useful] <= 1.02 * sinr[~useful])).all()


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_sinrs_map_onto_themselves_by_eesm(index: int, dtype: torch.dtype) -> None:
    table, count = mapping("eesm", index, dtype), len(mcs_table(index))
    sinr = 10 ** (torch.arange(-15, 45, 0.05, dtype=torch.float64) / 10).to(dtype).expand(count, -1)
    mcs = torch.arange(count)[:, None]
    value = table.of(sinr, mcs)
    assert (db(table.inverse(value, mcs)) - db(sinr)).abs()[value <= 0.999].max() < 0.1


@pytest.mark.parametrize("kind", ["miesm", "eesm"])
def test_effective_sinr_lies_between_least_and_mean(kind: Kind) -> None:
    table = mapping(kind)
    sinr = 10 ** (uniform(torch.tensor([3]), (28, 200, 24))[0] * 2.2 - 0.8)
    mcs = torch.arange(28)[:, None].expand(-1, 200)
    used = uniform(torch.tensor([4]), (28, 200, 24))[0] < 0.6
    got = table.effective(sinr, mcs, used)
    least = sinr.masked_fill(~used, math.inf).amin(-1)
    mean = (sinr * used).sum(-1) / used.sum(-1)
    top = table.backward.amax(-1)[:, None]  # saturated above
    assert (db(got) > torch.minimum(db(least), db(top)) - 0.15).all()
    assert (db(got) < db(mean) + 0.1).all()
    assert (db(mean) - db(got)).mean() > 0.3


@pytest.mark.parametrize("kind", ["miesm", "eesm"])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_effective_sinr_equals_bisection_on_the_exact_map(kind: Kind, order: int) -> None:
    mcs = ROW[order]
    beta = load_json("eesm_beta")["beta"]["2"][mcs]
    for key in range(3):
        sinr = 10 ** (uniform(torch.tensor([key]), (6,))[0] * 1.6 - 0.5)
        exact = effective_sinr(kind, sinr.tolist(), order, beta)
        got = mapping(kind).effective(sinr, torch.tensor(mcs), torch.ones(6))
        assert 10 * math.log10(float(got) / exact) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("index", [1, 2])
def test_eesm_equals_sionna(index: int) -> None:
    from sionna.sys import EESM

    count = len(mcs_table(index))
    sinr = 10 ** (uniform(torch.tensor([5]), (count, 30))[0] * 1.5)
    theirs = EESM(precision="double", device="cpu")(sinr.T[None, :, :, None], torch.arange(count), index)
    ours = mapping("eesm", index).effective(sinr, torch.arange(count), torch.ones(count, 30))
    saturated = ours > 0.97 * mapping("eesm", index).backward[:, -1]
    assert (db(ours) - db(theirs.flatten())).abs()[~saturated].max() < 0.1
    assert int(saturated.sum()) <= 12


def test_nothing_in_use_and_ones_that_are_rounded_up() -> None:
    table = mapping("miesm", dtype=torch.float32)
    mcs = torch.tensor([0, 27])
    assert torch.equal(table.effective(torch.ones(2, 5), mcs, torch.zeros(2, 5)), torch.zeros(2))
    top = table.inverse(torch.tensor([1.0, 1.0000001]), torch.tensor([27, 27]))
    assert torch.equal(top, table.backward[27, -1].expand(2))
    assert 30 < float(db(top[0])) < 33
    assert float(table.inverse(torch.zeros(1), mcs[:1])) == pytest.approx(float(log_grid.centres()[0]), rel=1e-6)


def test_rows_follow_the_modulation_of_the_mcs() -> None:
    table = sinr_mapping("miesm", mcs_table(1))
    assert table.forward.shape == table.backward.shape == (29, log_grid.SIZE)
    rows = load_arrays("mutual_information")["mutual_information"]
    for mcs, order in enumerate(mcs_table(1).modulation_order.tolist()):
        np.testing.assert_array_equal(table.forward[mcs].numpy(), rows[ORDERS.index(order)])


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no betas for mcs_table 3; set it to 'miesm'"):
        sinr_mapping("eesm", mcs_table(3))
    with pytest.raises(ValueError, match="'mean' does not exist; use one of miesm, eesm"):
        sinr_mapping("mean", mcs_table(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(("mcs", "bits"), [(18, 408), (25, 480)])
def test_selective_channels_fare_as_predicted(monkeypatch: pytest.MonkeyPatch, mcs: int, bits: int) -> None:
    """64QAM blocks over 24 PRBs that fade by 3.6 dB, simulated at the mean SNR where BLER 0.1 is predicted."""
    pytest.importorskip("sionna", reason="Sionna is not installed")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    from benchmarks.link_tables.check_effective_sinr import offset_db, prb_gains, symbol_prbs
    from benchmarks.link_tables.ldpc_chain import Chain

    table = load_bler(1)
    chain = Chain(bits, float(table.mcs.code_rate[mcs]), 6)
    gains = prb_gains(3e-7, 100)[symbol_prbs(chain.coded // 6)]
    need_db = 10 * math.log10(float(table.snr_threshold(0.1, bits)[mcs]))
    above = offset_db(mapping("miesm", 1), mcs, gains, need_db)
    assert above > 0.5
    snr = (gains * 10 ** ((need_db + above) / 10)).float()
    measured = float(chain.errors(snr, 1500, torch.Generator().manual_seed(5)).float().mean())
    cbs = table.cbs_bins(torch.tensor(bits))
    near = [float(table.lookup(torch.tensor(mcs), cbs, torch.tensor(10 ** ((need_db + x) / 10)))) for x in (0.3, -0.3)]
    assert near[0] - 0.025 < measured < near[1] + 0.025
