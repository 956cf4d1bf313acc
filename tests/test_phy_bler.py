from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest
import torch

from phy import bler as module
from phy import loggrid
from phy.bler import BlerTable, cqi_threshold, load_bler, transport_bler
from phy.mcs import cqi_table, mcs_table
from phy.tables import load_arrays

load = functools.cache(load_bler)
SNR_DB = 10 * np.log10(loggrid.centres().numpy())


@functools.cache
def sionna() -> object:
    from sionna.sys import PHYAbstraction

    return PHYAbstraction(device="cpu")


def curve(table: BlerTable, mcs: int, size: int, snr_db: torch.Tensor) -> torch.Tensor:
    cbs_bin = table.cbs_bins(torch.tensor(size))
    return table.lookup(torch.tensor(mcs), cbs_bin, 10 ** (snr_db.to(torch.float64) / 10))


@pytest.mark.parametrize("index", [1, 2, 3])
def test_interpolation_is_sionnas(index: int) -> None:
    """At our own sizes and SNRs, their interpolation of the same points gives the same numbers."""
    from sionna.phy.utils import SplineGriddataInterpolation

    data, table = load_arrays("bler_pdsch"), load(index)
    snr_db = data[f"snr_db_{index}"]
    inside = np.flatnonzero((snr_db[0] <= SNR_DB) & (snr_db[-1] >= SNR_DB))
    for place, mcs in enumerate(data[f"mcs_{index}"]):
        points = data[f"bler_{index}"][place]
        sizes = table.code_block_bits.numpy()
        theirs = SplineGriddataInterpolation().struct(
            points, data[f"code_block_bits_{index}"], snr_db, sizes, SNR_DB[inside]
        )
        theirs = np.minimum.accumulate(theirs, axis=-1)
        ours = table.bler[mcs].numpy()[:, inside]
        least = points[points > 0].min()
        close = np.isclose(ours, theirs, rtol=1e-9, atol=0) | (np.maximum(ours, theirs) < least * 1.001)
        close |= (np.minimum(ours, theirs) > 0.99) & (np.abs(ours - theirs) < 1e-3)  # noise at the lower edge
        assert close.all(), (mcs, np.argwhere(~close)[:3])


@pytest.mark.parametrize("index", [1, 2, 3])
def test_lookup_lies_within_one_step_of_sionnas(index: int) -> None:
    """Their grid rounds the SNR to 0.1 dB and the size to 100 bits, ours to 0.07 dB and 20 %."""
    table, phy = load(index), sionna()
    snr_db = torch.arange(-4.5, 19.5, 0.173)
    for mcs in range(10, len(table.mcs), 3):
        for size in (150, 424, 1024, 1824, 3840, 8448):
            ours = curve(table, mcs, size, snr_db)
            near = [
                phy.get_bler(mcs, index, 1, around, 10 ** ((snr_db + shift) / 10)).to(torch.float64)  # type: ignore[attr-defined]
                for shift in (-0.13, -0.06, 0.0, 0.06, 0.13)
                for around in (size - min(100, size // 10), size, size + 100)
            ]
            lowest, highest = torch.stack(near).amin(0), torch.stack(near).amax(0)
            assert (ours >= lowest - 4e-3).all() and (ours <= highest + 4e-3).all(), (mcs, size)


def test_stored_points_are_those_of_the_installed_package_and_say_so() -> None:
    data = load_arrays("bler_pdsch")
    provenance = json.loads(str(data["provenance"]))
    assert provenance["license"] == "Apache-2.0" and "sionna" in provenance["source"]
    points = sionna().bler_table["category"][1]["index"]  # type: ignore[attr-defined]
    for index in (1, 2, 3):
        assert data[f"mcs_{index}"].tolist() == list(points[index]["MCS"])
        for place, row in enumerate(points[index]["MCS"].values()):
            assert data[f"bler_{index}"][place].tolist() == [size["BLER"] for size in row["CBS"].values()]
            assert data[f"snr_db_{index}"].tolist() == row["SNR_db"]


@pytest.mark.parametrize("index", [1, 2, 3])
def test_bler_falls_from_one_to_zero(index: int) -> None:
    table = load(index).bler
    assert table.shape == (len(mcs_table(index)), 32, loggrid.SIZE)
    assert (table.diff(dim=-1) <= 0).all()
    assert (table[..., 0] == 1).all() and (table[..., -1] == 0).all()


@pytest.mark.parametrize("index", [1, 2, 3])
def test_bler_rises_with_the_mcs_at_the_reference_size(index: int) -> None:
    table = load(index)
    at = table.bler[:, int(table.cbs_bins(torch.tensor(1000)))]
    falls = (at[1:] < at[:-1] - 0.05).any(-1).nonzero().flatten().tolist()
    # Steps of 1.8 dB in the stored points cannot rank neighbours finely everywhere.
    assert len(falls) <= 3


@pytest.mark.parametrize(("index", "missing"), [(1, 3), (2, 2), (3, 9)])
def test_repetition_moves_the_lowest_stored_curve_by_the_ratio_of_the_rates(index: int, missing: int) -> None:
    table = load(index)
    snr_db = torch.linspace(-8, 2, 300)
    rate = mcs_table(index).code_rate
    for mcs in range(missing):
        shift_db = 10 * math.log10(251 / 1024 / float(rate[mcs]))
        low = curve(table, mcs, 500, snr_db - shift_db)
        base = curve(load(3), 9, 500, snr_db)
        above, below = curve(load(3), 9, 500, snr_db - 0.08), curve(load(3), 9, 500, snr_db + 0.08)
        assert (low <= above + 1e-12).all() and (low >= below - 1e-12).all() and (base > 0.5).any()


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
        expected = mcs[same[0]] if len(same) else mcs[0] * 78 / 120
        assert threshold[place] == pytest.approx(float(expected), rel=1e-12)


def test_cqi_threshold_refuses_tables_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"CQI table 2 asks for modulation order 8 .* use CQI table 1"):
        cqi_threshold(cqi_table(2), load(1))


def test_cbs_bins_are_the_nearest_by_ratio() -> None:
    table = load(1)
    sizes = table.code_block_bits
    assert torch.equal(table.cbs_bins(sizes), torch.arange(32))
    every = torch.arange(24, 8449)
    distance = (every[:, None].double().log() - sizes.double().log()).abs()
    got = table.cbs_bins(every)
    assert got.dtype == torch.int64
    assert torch.equal(distance.gather(1, got[:, None])[:, 0], distance.amin(1))
    assert table.cbs_bins(torch.tensor([0, 10**6])).tolist() == [0, 31]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lookup_broadcasts_and_keeps_the_dtype(dtype: torch.dtype) -> None:
    table = load(1).to(dtype=dtype)
    sinr = torch.logspace(-2, 2, 60, dtype=dtype).reshape(3, 4, 5)
    mcs, cbs = torch.arange(12).reshape(3, 4, 1), torch.tensor([3, 9, 15, 21])[:, None]
    got = table.lookup(mcs, cbs, sinr)
    assert got.dtype == dtype and got.shape == sinr.shape
    for i, j, k in np.ndindex(3, 4, 5):
        assert got[i, j, k] == table.bler[i * 4 + j, int(cbs[j]), int(loggrid.index(sinr[i, j, k]))]


def test_transport_bler() -> None:
    p = torch.tensor([0.0, 1.0, 0.1, 1e-4, 0.1, 0.7], dtype=torch.float32)
    n = torch.tensor([3, 3, 1, 10, 3, 0])
    got = transport_bler(p, n)
    expected = [0.0, 1.0, 0.1, 1 - 0.9999**10, 1 - 0.9**3, 0.0]
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-12)


def test_interpolation_by_hand() -> None:
    """Half way, the logarithm is the mean of four; towards a zero it falls to two decades below the least."""
    bler = np.array([[1.0, 0.1, 0.001], [1.0, 0.01, 0.0]])
    points = module._Points([0], np.array([100.0, 200.0]), np.array([0.0, 2.0, 4.0]), bler[None])
    at = module._interpolate(points, bler, np.array([50.0, 150.0, 200.0]), np.array([-9.0, 1.0, 2.0, 2.5, 9.0]))
    np.testing.assert_allclose(at[1, 1], 10 ** ((0 - 1 + 0 - 2) / 4))
    np.testing.assert_allclose(at[0], [1.0, 10**-0.5, 0.1, 10**-1.5, 0.001])
    np.testing.assert_allclose(at[2, :4], [1.0, 0.1, 0.01, 10**-2.75])
    assert at[2, 4] == 0.0
