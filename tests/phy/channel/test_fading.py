"""Fading against the sum over its rays, against J0, and against the cluster model's own frequency correlation."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from fading_cases import SPREADS, frequencies
from scipy.special import j0

from phy.channel.delay_basis import karhunen_loeve_basis
from phy.channel.fading import FadingLinks, FadingRequest, FadingSettings, draw_fading
from phy.link.response import FrequencyBasis, Response
from phy.random import Drops, normal
from phy.tr38901.cluster_angles import clusters
from phy.tr38901.lsp_tables import propagation_states
from phy.units import SPEED_OF_LIGHT_MPS

CARRIER_HZ, SPEED_MPS = 3.5e9, 10.0
DROP = Drops(3, (5,))


def links(users: int, cells: int, k_db: float = -100.0) -> FadingLinks:
    """One site a cell; clusters of UMa without line of sight, delay spread 363 ns."""
    drawn = normal(DROP.keys("clusters"), (users * cells, 20, 2))[0]
    spread = torch.full((users * cells,), 363e-9, dtype=torch.float64)
    made = clusters(propagation_states("uma")[1], spread, None, drawn, 20)
    shape = (1, users, cells)
    return FadingLinks(
        k_factor_db=torch.full(shape, k_db, dtype=torch.float64),
        delay_s=made.delay_s.view(*shape, 20),
        share=made.power.view(*shape, 20),
        azimuth_rad=torch.linspace(0, 6, users * cells, dtype=torch.float64).view(shape),
        speed_mps=torch.full((users,), SPEED_MPS, dtype=torch.float64),
        carrier_hz=CARRIER_HZ,
    )


def response(fading, first_slot: int, slots: int, cells: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Complex response ``[T, U * C, K]`` at the start of each slot."""
    coordinates = fading.coordinates(first_slot, slots, 1e-3)[0]
    size, both = fading.to_prbs.shape
    h = coordinates.transpose(0, 1).reshape(slots, -1, size) @ fading.to_prbs
    return torch.complex(h[..., : both // 2], h[..., both // 2 :])


def test_frequency_correlation_is_that_of_the_clusters() -> None:
    users, cells, prbs = 1200, 4, 50
    basis = karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.02)
    drawn = links(users, cells)
    fading = draw_fading(
        DROP,
        FadingRequest(drawn, basis, FadingSettings(), torch.ones(1, users, cells, dtype=torch.float64), torch.float64),
    )
    h = response(fading, 0, 1, cells)[0]
    delay, share = drawn.delay_s, drawn.share
    for lag in (1, 4, 16, 40):
        exact = (share * torch.exp(-2j * math.pi * lag * 180e3 * delay)).sum(-1).mean()
        seen = (h[:, lag:] * h[:, :-lag].conj()).mean() / h.abs().square().mean()
        assert abs(abs(seen) - abs(exact)) < 0.02, lag


def test_autocorrelation_is_j0() -> None:
    users, cells = 800, 4
    basis = karhunen_loeve_basis(frequencies(25), SPREADS, 0.02)
    fading = draw_fading(
        DROP,
        FadingRequest(
            links(users, cells),
            basis,
            FadingSettings(),
            torch.ones(1, users, cells, dtype=torch.float64),
            torch.float64,
        ),
    )
    h = response(fading, 0, 25, cells)
    doppler_hz = SPEED_MPS * CARRIER_HZ / SPEED_OF_LIGHT_MPS
    for lag in (1, 3, 6, 12, 24):
        seen = (h[lag] * h[0].conj()).mean() / h[0].abs().square().mean()
        assert abs(seen - j0(2 * math.pi * doppler_hz * lag * 1e-3)) < 0.03, lag


@pytest.mark.parametrize(("k_db", "fourth"), [(-100.0, 2.0), (9.0, (10**1.8 + 4 * 10**0.9 + 2) / (10**0.9 + 1) ** 2)])
def test_power_and_rice_statistics(k_db: float, fourth: float) -> None:
    """Mean power is as asked; E|h|^4 / E|h|^2^2 is that of Rayleigh (2) or of Rice with factor K."""
    users, cells = 2000, 3
    power = 10.0 ** torch.linspace(-3, 3, users * cells, dtype=torch.float64).view(1, users, cells)
    basis = karhunen_loeve_basis(frequencies(24), SPREADS, 0.03)
    fading = draw_fading(DROP, FadingRequest(links(users, cells, k_db), basis, FadingSettings(), power, torch.float64))
    heard = Response(fading.coordinates(7, 1, 1e-3)[:, :, 0], FrequencyBasis(fading.to_prbs))
    seen = heard.power()[0] / power[0, ..., None]
    assert seen.mean().item() == pytest.approx(1.0, abs=0.03)
    assert (seen.square().mean() / seen.mean().square()).item() == pytest.approx(fourth, rel=0.05)


def test_a_slot_is_a_function_of_time_alone() -> None:
    basis = karhunen_loeve_basis(frequencies(12), SPREADS, 0.03)
    fading = draw_fading(
        DROP,
        FadingRequest(links(5, 3), basis, FadingSettings(), torch.ones(1, 5, 3, dtype=torch.float64), torch.float64),
    )
    late = response(fading, 123_456, 4, 3)[2]
    assert torch.allclose(late, response(fading, 123_450, 10, 3)[8], atol=1e-9)
    assert not torch.allclose(late, response(fading, 123_459, 1, 3)[0], atol=1e-3)


def test_basis_error_is_what_is_left_out() -> None:
    frequency = frequencies(50)
    wide = karhunen_loeve_basis(frequency, SPREADS, 0.0)
    assert wide.vectors.shape[1] == 50
    assert wide.error == pytest.approx(0.0, abs=1e-9)
    basis = karhunen_loeve_basis(frequency, SPREADS, 0.05)
    assert 0.0 < basis.error <= 0.05
    smaller = karhunen_loeve_basis(frequency, SPREADS, basis.error + 1e-6)
    assert smaller.vectors.shape[1] == basis.vectors.shape[1]
    kept = basis.coordinates.abs().square().sum(-1) / 50
    weight = torch.exp(-basis.delay_s[None] / SPREADS[:, None])
    weight = (weight / weight.sum(1, keepdim=True)).mean(0)
    assert 1 - float((kept * weight).sum()) == pytest.approx(basis.error, abs=1e-6)


@pytest.mark.parametrize("prbs", [12, 50, 100])
def test_a_direct_ray_is_flat(prbs: int) -> None:
    basis = karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.03)
    assert torch.allclose(basis.vectors @ basis.coordinates[0], torch.ones(prbs, dtype=torch.complex128), atol=1e-9)
    overlap = basis.vectors.conj().T @ basis.vectors
    assert torch.allclose(overlap, torch.eye(len(overlap), dtype=torch.complex128), atol=1e-9)


def test_the_delay_grid_is_fine_enough_for_wide_carriers() -> None:
    wide = (torch.arange(275, dtype=torch.float64) - 137) * 1.44e6
    basis = karhunen_loeve_basis(wide, SPREADS, 0.1)
    step = float(basis.delay_s[1])
    assert step * float(wide[-1] - wide[0]) <= 1 / 8


def test_cells_of_a_site_share_delays_but_not_phases() -> None:
    """Two sites of two cells against four sites of one with the same delays: the same rays, number by number."""
    users, cells = 6, 4
    one = links(users, cells)
    shared = one.delay_s[:, :, ::2]
    together = dataclasses.replace(one, delay_s=shared)
    apart = dataclasses.replace(one, delay_s=shared.repeat_interleave(2, 2))
    basis = karhunen_loeve_basis(frequencies(12), SPREADS, 0.03)
    power = torch.rand(1, users, cells, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    drawn = [
        draw_fading(DROP, FadingRequest(each, basis, FadingSettings(), power, torch.float64))
        for each in (together, apart)
    ]
    assert torch.allclose(drawn[0].rays, drawn[1].rays, atol=1e-12)
    assert not torch.allclose(drawn[0].rays[..., : len(basis.vectors[0])], drawn[0].rays[..., -len(basis.vectors[0]) :])
