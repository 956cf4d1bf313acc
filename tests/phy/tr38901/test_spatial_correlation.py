"""Fields over the plane: their law, their autocorrelation, their independence, in the ensemble and in one drop."""

from __future__ import annotations

import math

import pytest
import torch

from phy.random import Drops
from phy.tr38901.lsp_tables import propagation_states
from phy.tr38901.pathloss import PathLossModel
from phy.tr38901.spatial_correlation import correlated_normal, draw_amplitudes, draw_waves

MANY = Drops(11, tuple(range(3000)))


@pytest.mark.parametrize("decorrelation_m", [7.0, 13.0, 37.0, 120.0])
def test_unit_variance_and_exponential_autocorrelation(decorrelation_m: float) -> None:
    """Over many fields, in two directions. Below 10 m the limit on short waves shows at half the distance: -0.05."""
    d = decorrelation_m
    lags = [0.0, 0.5 * d, d, 2.0 * d]
    points = [[310.0 + lag, -95.0] for lag in lags] + [[310.0 - 0.6 * lag, -95.0 + 0.8 * lag] for lag in lags]
    values = correlated_normal(
        MANY.keys("field"), torch.tensor(points, dtype=torch.float64).expand(len(MANY), -1, -1), d
    )
    assert values.mean(0).abs().max() < 4.5 / math.sqrt(len(MANY))
    assert (values.var(0) - 1.0).abs().max() < 4.5 * math.sqrt(2.0 / len(MANY))
    correlation = torch.corrcoef(values.T)[0].reshape(2, 4)
    expected = torch.exp(-torch.tensor(lags, dtype=torch.float64) / d)
    assert (correlation - expected).abs().max() < (0.08 if d < 10.0 else 0.045)


def test_gaussian() -> None:
    values = correlated_normal(
        MANY.keys("field"), torch.tensor([[[40.0, 7.0]]]).double().expand(len(MANY), -1, -1), 37.0
    ).flatten()
    share = [(values.abs() < z).double().mean().item() for z in (0.6745, 1.0, 2.0)]
    assert share == pytest.approx([0.5, 0.6827, 0.9545], abs=0.03)
    assert (values**4).mean().item() == pytest.approx(3.0, abs=0.5)


def test_one_drop_looks_like_the_ensemble() -> None:
    """A single field averaged over a wide area: 256 waves are enough for one drop to have the right statistics."""
    x = torch.rand(2000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4000.0
    here = correlated_normal(Drops(1, (0,)).keys("field"), x[None], 37.0)[0]
    there = correlated_normal(Drops(1, (0,)).keys("field"), x[None] + torch.tensor([37.0, 0.0]), 37.0)[0]
    assert here.var().item() == pytest.approx(1.0, abs=0.2)
    assert torch.corrcoef(torch.stack([here, there]))[0, 1].item() == pytest.approx(math.exp(-1), abs=0.1)


@pytest.mark.parametrize("model", ["uma", "umi", "rma", "inh"])
def test_fields_that_share_waves_keep_their_own_autocorrelation(model: PathLossModel) -> None:
    """All decorrelation distances of a scenario at once, which differ by up to a factor of eight."""
    distances = sorted({d for state in propagation_states(model) for d in state.decorrelation_m})
    waves = draw_waves(MANY.keys("waves"), distances)
    amplitudes = draw_amplitudes(MANY.keys("amplitudes"), waves, 1)
    for d in distances:
        lags = torch.tensor([0.0, 0.5 * d, d, 2.0 * d], dtype=torch.float64)
        xy = torch.stack([300.0 + lags, torch.full_like(lags, -80.0)], dim=-1).expand(len(MANY), -1, -1)
        values = (waves.table(xy) @ (amplitudes * waves.weights(d)[..., None])).squeeze(-1)
        assert (values.var(0) - 1.0).abs().max() < 0.12
        correlation = torch.corrcoef(values.T)[0]
        assert (correlation - torch.exp(-lags / d)).abs().max() < 0.08, d


def test_fields_of_a_drop_are_independent_and_states_of_one_are_not() -> None:
    waves = draw_waves(MANY.keys("waves"), (37.0, 50.0))
    amplitudes = draw_amplitudes(MANY.keys("amplitudes"), waves, 3)
    table = waves.table(torch.tensor([[[420.0, 130.0]]]).double().expand(len(MANY), -1, -1))
    one, two = ((table @ (amplitudes * waves.weights(d)[..., None]))[:, 0] for d in (37.0, 50.0))
    matrix = torch.corrcoef(torch.cat((one, two), 1).T)
    for i in range(3):
        assert matrix[i, 3 + i] > 0.97  # a field, and the same with another decorrelation distance
        for j in range(i):
            assert matrix[i, j].abs() < 4.5 / math.sqrt(len(MANY))
            assert matrix[i, 3 + j].abs() < 4.5 / math.sqrt(len(MANY))


def test_equals_a_loop_over_waves() -> None:
    drops = Drops(3, (4,))
    waves = draw_waves(drops.keys("waves"), (10.0, 40.0), waves=16)
    amplitudes = draw_amplitudes(drops.keys("a"), waves, 2)
    x, y = 12.5, -71.0
    table = waves.table(torch.tensor([[[x, y]]]).double())
    got = (table @ (amplitudes * waves.weights(40.0)[..., None]))[0, 0].tolist()
    root = waves.weights(40.0)[0].tolist()
    assert sum(r * r for r in root[:16]) == pytest.approx(1.0)
    for f in range(2):
        total = 0.0
        for w in range(16):
            kx, ky = waves.number_rad_m[0, w].tolist()
            phase = kx * x + ky * y
            total += root[w] * float(amplitudes[0, w, f]) * math.cos(phase)
            total += root[16 + w] * float(amplitudes[0, 16 + w, f]) * math.sin(phase)
        assert got[f] == pytest.approx(total, abs=1e-12)


def test_smooth_fields() -> None:
    """Correlated like exp(-(d / D)^2) by the same waves, of variance 1, and with the slope sqrt(2) / D of that."""
    distances, d = [15.0, 37.0, 50.0, 50.0], 50.0
    waves = draw_waves(MANY.keys("waves"), distances)
    amplitudes = draw_amplitudes(MANY.keys("amplitudes"), waves, 1)
    lags = torch.tensor([0.0, 0.01, 0.5 * d, d, 1.5 * d, 3.0 * d], dtype=torch.float64)
    for direction in (0.3, 1.4):
        x, y = 300.0 + math.cos(direction) * lags, -80.0 + math.sin(direction) * lags
        xy = torch.stack([x, y], dim=-1).expand(len(MANY), -1, -1)
        values = (waves.table(xy) @ (amplitudes * waves.smooth_weights(d)[..., None])).squeeze(-1)
        assert (values.var(0) - 1.0).abs().max() < 0.12
        assert (torch.corrcoef(values.T)[0] - torch.exp(-((lags / d) ** 2))).abs().max() < 0.06
        slope = float((values[:, 1] - values[:, 0]).square().mean().sqrt()) / 0.01
        assert slope == pytest.approx(math.sqrt(2.0) / d, rel=0.06)
        rough = (waves.table(xy[:, :2]) @ (amplitudes * waves.weights(d)[..., None])).squeeze(-1)
        assert float(rough.diff(dim=1).square().mean().sqrt()) / 0.01 > 4.0 * slope
