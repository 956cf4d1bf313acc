"""The mean rate over Rician fading against closed forms, independent quadrature and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import exp1
from scipy.stats import ncx2

from phy.air_to_ground.mean_rate import mean_log2, mean_spectral_efficiency
from phy.air_to_ground.rician import fading_power
from phy.random import Drops, normal


def test_rayleigh_fading_has_its_closed_form() -> None:
    gamma = np.array([0.01, 0.1, 1.0, 10.0, 1e4])
    expected = np.exp(1.0 / gamma) * exp1(1.0 / gamma) / np.log(2.0)
    assert mean_log2(np.array([1e-12]), gamma)[0] == pytest.approx(expected, rel=1e-8)


def test_without_scattering_it_is_the_rate_of_shannon() -> None:
    gamma = np.array([0.1, 1.0, 100.0])
    assert mean_log2(np.array([1e4]), gamma)[0] == pytest.approx(np.log2(1.0 + gamma), rel=1.5e-4)  # 1 / K


@pytest.mark.parametrize("k", [0.1, 1.0, 10.0, 100.0])
def test_quadrature_agrees_with_the_quantiles_of_the_distribution(k: float) -> None:
    for gamma in (0.1, 10.0, 1000.0):
        power = lambda q: ncx2.ppf(q, 2, 2.0 * k) / (2.0 * (1.0 + k))  # noqa: E731
        expected = quad(lambda q: np.log2(1.0 + gamma * power(q)), 0.0, 1.0, limit=200)[0]  # noqa: B023
        assert mean_log2(np.array([k]), np.array([gamma]))[0, 0] == pytest.approx(expected, abs=1e-6)


def test_table_agrees_with_quadrature_to_a_hundredth_of_a_bit() -> None:
    rng = np.random.default_rng(1)
    k_db, gamma = rng.uniform(-10.0, 30.0, 400), 10.0 ** rng.uniform(-3.0, 5.0, 400)
    exact = [mean_log2(np.array([10 ** (a / 10)]), np.array([g]))[0, 0] for a, g in zip(k_db, gamma, strict=True)]
    seen = mean_spectral_efficiency(torch.from_numpy(k_db), torch.from_numpy(gamma)).numpy()
    assert np.abs(seen - exact).max() < 0.01
    assert np.abs(seen / exact - 1.0).max() < 0.006


@pytest.mark.parametrize("k_db", [0.0, 5.0, 15.0])
def test_table_agrees_with_samples(k_db: float) -> None:
    draw = normal(Drops(1, (0,)).keys("test"), (400_000, 2))[0]
    power = fading_power(torch.tensor(k_db, dtype=torch.float64), draw)
    assert float(power.mean()) == pytest.approx(1.0, abs=0.005)
    for gamma in (0.1, 3.0, 100.0):
        sampled = torch.log2(1.0 + gamma * power)
        error = 4.0 * float(sampled.std()) / 400_000**0.5
        table = mean_spectral_efficiency(torch.tensor([k_db]), torch.tensor([gamma], dtype=torch.float64))
        assert float(table) == pytest.approx(float(sampled.mean()), abs=error + 0.01)


def test_beyond_the_table_the_end_rows_hold() -> None:
    edge = mean_spectral_efficiency(torch.tensor([40.0, -20.0]), torch.tensor([10.0, 10.0]))
    beyond = mean_spectral_efficiency(torch.tensor([90.0, -90.0]), torch.tensor([10.0, 10.0]))
    assert torch.equal(edge, beyond)
    assert float(mean_spectral_efficiency(torch.tensor([5.0]), torch.tensor([0.0]))) == 0.0
