"""Rates, PRBs, energy, delays and losses against plain loops and closed forms."""

from __future__ import annotations

import numpy as np
import oracles_metrics as oracle
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from mac.engine.metrics.cellular_metrics import prb_utilisation
from mac.metrics import delay, throughput


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return oracle.windows(seed=11)


def test_rates(ds: xr.Dataset) -> None:
    for name, users in oracle.groups(ds):
        rates = [[oracle.rate_mbps(ds, d, u) for u in users] for d in range(ds.sizes["drop"])]
        assert_allclose(throughput.rate_mean(ds)[name], [oracle.mean(r) for r in rates], rtol=1e-9)
        assert_allclose(throughput.rate_sum(ds)[name], [sum(r) for r in rates], rtol=1e-9)
        assert_allclose(throughput.rate_p5(ds)[name], [low_5(r) for r in rates], rtol=1e-9)
    assert_allclose(throughput.rate_cell(ds) * ds.attrs["cells"], throughput.rate_sum(ds)[""])


def low_5(values: list[float]) -> float:
    ordered, place = sorted(values), 0.05 * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_units_of_rate() -> None:
    ds = oracle.one_user({"served_bits": [3e6, 1e6]}, {}, window_s=0.5)
    assert_allclose(throughput.rate_mean(ds)[""], [4.0])  # 4 Mbit in 1 s


def test_prb_utilisation_and_energy(ds: xr.Dataset) -> None:
    for d in range(ds.sizes["drop"]):
        used = sum(float(x) for x in ds["used_prbs"].values[d].ravel())
        assert_allclose(prb_utilisation(ds)[d], used / (50 * 250 * 12 * 2))
        bits = sum(float(x) for x in ds["served_bits"].values[d].ravel())
        joule = sum(float(x) for x in ds["energy_j"].values[d].ravel())
        assert_allclose(throughput.energy_per_bit(ds)[d], joule / bits * 1e6)
    assert (prb_utilisation(ds) <= 1).all()


def test_energy_per_bit_of_nothing_is_undefined(ds: xr.Dataset) -> None:
    silent = ds.assign(served_bits=ds["served_bits"] * 0)
    assert np.isnan(throughput.energy_per_bit(silent)).all()


def test_delays_and_losses(ds: xr.Dataset) -> None:
    for name, users in oracle.groups(ds):
        for d in range(ds.sizes["drop"]):
            mean = 1e3 * oracle.pooled(ds, ("delay_s",), "packets", users, d)
            assert_allclose(delay.delay_mean(ds)[name][d], mean, rtol=1e-9)
            lost = oracle.pooled(ds, ("dropped_bits", "lost_bits"), "demand_bits", users, d)
            assert_allclose(delay.loss_ratio(ds, "dropped_bits", "lost_bits")[name][d], lost, rtol=1e-9)
            bler = oracle.pooled(ds, ("first_nack",), "first_tx", users, d)
            assert_allclose(delay.bler_first_tx(ds)[name][d], bler, rtol=1e-9)
            judged = [u for u in users if np.isfinite(ds["sla_delay_s"].values[u])]
            late = oracle.pooled(ds, ("late_packets",), "packets", judged, d)
            if judged:
                assert_allclose(delay.late_share(ds)[name][d], late, rtol=1e-9)
    assert set(delay.late_share(ds)) == {"", "phones", "robots"}  # meters have no budget


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8, 0.95, 0.99])
def test_quantiles_equal_the_loop(ds: xr.Dataset, share: float) -> None:
    for name, users in oracle.groups(ds):
        expected = [oracle.quantile_ms(ds, d, users, share) for d in range(ds.sizes["drop"])]
        assert_allclose(delay.delay_quantile(ds, share)[name], expected, rtol=1e-9)


def quantile(counts: list[float], share: float) -> float:
    edges = np.array([1.0, 10.0, 100.0, np.inf])
    return float(delay.histogram_quantile(np.array([counts]), edges, share)[0])


def test_quantiles_in_closed_form() -> None:
    assert_allclose(quantile([0, 2, 0, 0], 0.5), np.sqrt(10))  # half way through a decade
    assert_allclose(quantile([0, 1, 1, 0], 0.5), 10)
    assert_allclose(quantile([4, 0, 0, 0], 0.5), 0.5)  # the first bin begins at zero
    assert_allclose(quantile([0, 0, 5, 0], 1.0), 100)
    assert quantile([0, 99, 0, 1], 0.99) == pytest.approx(10)
    assert quantile([0, 98, 0, 2], 0.99) == np.inf  # more than the last finite edge is all that is known
    assert np.isnan(quantile([0, 0, 0, 0], 0.5))


def test_quantiles_follow_the_packets_within_a_bin() -> None:
    delays = np.sort(np.exp(np.random.default_rng(0).normal(np.log(0.01), 0.8, 20_000)))
    edges = np.append(np.geomspace(1e-4, 10, 101), np.inf)  # 20 bins a decade: 12 % wide
    counts = np.bincount(np.searchsorted(edges, delays), minlength=len(edges)).astype(float)
    for share in (0.5, 0.95, 0.99):
        exact = delays[int(np.ceil(share * len(delays))) - 1]
        assert_allclose(delay.histogram_quantile(counts[None], edges, share), exact, rtol=0.01)


@pytest.mark.parametrize("share", [0.0, 1.01, float("nan")])
def test_share_is_checked(share: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        quantile([1, 1, 1, 1], share)
