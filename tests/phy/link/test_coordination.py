"""Precoders of coordinated cells against plain loops, and the closed forms against integrals and Monte Carlo."""

from __future__ import annotations

from typing import Literal

import numpy as np
import oracles_coordination as oracle
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import gamma
from torch import Tensor

from phy.link.coordination import coordinated_precoder, received_sinr, strongest_rows, unit, wmmse_precoder
from phy.link.coordination_rates import ergodic_rate, two_cell_rates

KINDS: tuple[Literal["mrt", "zf", "rzf", "slnr"], ...] = ("mrt", "zf", "rzf", "slnr")


def rayleigh(*shape: int, snr: float = 1.0, seed: int = 1) -> Tensor:
    luck = torch.Generator().manual_seed(seed)
    parts = torch.randn((*shape, 2), generator=luck, dtype=torch.float64)
    return (0.5 * snr) ** 0.5 * torch.view_as_complex(parts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("ports", "spared"), [(1, 0), (2, 1), (4, 1), (4, 3), (8, 5)])
def test_precoders_are_those_of_plain_loops(kind: Literal["mrt", "zf", "rzf", "slnr"], ports: int, spared: int) -> None:
    own, others = rayleigh(6, ports, snr=5.0), rayleigh(6, spared, ports, snr=2.0, seed=2)
    if spared > 1:
        others[2, 1] = 0.0  # no UE
    own[3] = 0.0
    found = coordinated_precoder(own, others, kind)
    wanted = [oracle.precoder(one.numpy(), rest.numpy(), kind) for one, rest in zip(own, others, strict=True)]
    np.testing.assert_allclose(found.numpy(), np.stack(wanted), atol=1e-12)


def test_nulls_are_deep_in_single_precision() -> None:
    own, others = rayleigh(200, 8), rayleigh(200, 7, 8, seed=2)
    found = coordinated_precoder(own.to(torch.complex64), others.to(torch.complex64), "zf")
    leak = (others.to(torch.complex64) @ found[..., None])[..., 0].abs().square()
    assert float(leak.max()) < 1e-8  # 80 dB below a full beam, for the worst of 200 channels with all nulls in use


def test_zf_leaves_a_cell_silent_where_both_users_have_one_direction() -> None:
    own = rayleigh(5, 4)
    assert torch.equal(coordinated_precoder(own, 3.0 * own[:, None], "zf").abs(), torch.zeros(5, 4).double())


def test_more_rows_than_nulls_leave_the_strongest() -> None:
    rows = torch.tensor([1.0, 3.0, 2.0, 3.0]).to(torch.complex64)[:, None] * torch.tensor([1.0, 1j])
    rows[3, 1] = 3.0  # as strong as the second one, in another direction
    assert torch.equal(strongest_rows(rows, 3), rows[[1, 3, 2]]) and torch.equal(strongest_rows(rows, 1), rows[1:2])
    assert strongest_rows(rows, 0).shape == (0, 2) and torch.equal(strongest_rows(rows, 9), rows)


def test_slnr_is_not_beaten() -> None:
    own, spared = rayleigh(50, 4, snr=3.0), rayleigh(50, 2, 4, snr=3.0, seed=2)

    def slnr(sent: Tensor) -> Tensor:
        leak = (spared @ sent[..., None])[..., 0].abs().square().sum(-1)
        return (own * sent).sum(-1).abs().square() / (1.0 + leak)

    best = slnr(coordinated_precoder(own, spared, "slnr"))
    for seed in range(20):
        assert bool((slnr(unit(rayleigh(50, 4, seed=10 + seed))) <= best * (1 + 1e-12)).all())


@pytest.mark.parametrize("coherent", [False, True])
def test_sinr_of_several_cells(coherent: bool) -> None:
    amplitude, rest = rayleigh(7, 5, snr=4.0), torch.rand(7, dtype=torch.float64)
    wanted = torch.rand(7, 5) < 0.5
    found = received_sinr(amplitude, wanted, rest, coherent)
    loops = [
        oracle.sinr(a.numpy(), w.numpy(), float(r), coherent) for a, w, r in zip(amplitude, wanted, rest, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), loops, rtol=1e-12)


def test_coherent_transmission_by_mrt_is_not_below_non_coherent() -> None:
    rows = rayleigh(100, 3, 4)
    amplitude = (rows * unit(rows.conj())).sum(-1)
    all_send, nothing = torch.ones(100, 3, dtype=torch.bool), torch.zeros(100).double()
    both = [received_sinr(amplitude, all_send, nothing, coherent) for coherent in (False, True)]
    assert bool((both[1] >= both[0]).all()) and float(both[1].mean() / both[0].mean()) > 2.0


def test_wmmse_is_that_of_plain_loops_and_raises_the_sum_rate() -> None:
    channel = rayleigh(4, 3, 3, 2, snr=10.0)
    rates = []
    for rounds in (0, 1, 2, 5, 20):
        found = wmmse_precoder(channel, rounds)
        assert float(found.abs().square().sum(-1).max()) <= 1.0 + 1e-9
        rates.append([oracle.sum_rate(h.numpy(), w.numpy()) for h, w in zip(channel, found, strict=True)])
        loops = [oracle.sum_rate(h.numpy(), oracle.wmmse(h.numpy(), rounds)) for h in channel]
        np.testing.assert_allclose(rates[-1], loops, rtol=1e-6)
    assert bool((np.diff(np.array(rates), axis=0) >= -1e-9).all())
    assert np.mean(rates[-1]) > 1.2 * np.mean(rates[0])


def test_closed_forms_have_the_known_values() -> None:
    rates = two_cell_rates(4, 10.0)
    found = (rates.mrt, rates.one_null, rates.blanking, rates.joint)
    assert found == pytest.approx((2.62377, 4.72230, 2.59054, 6.04759), abs=5e-6)


@pytest.mark.parametrize(("order", "snr"), [(1, 1e-4), (1, 0.5), (3, 10.0), (7, 100.0), (15, 1.0), (4, 1e-3)])
def test_ergodic_rate_is_the_integral(order: int, snr: float) -> None:
    integral, _ = quad(lambda x: np.log2(1 + snr * x) * gamma.pdf(x, order), 0, np.inf, epsabs=1e-13, epsrel=1e-11)
    assert ergodic_rate(order, snr) == pytest.approx(integral, rel=1e-6)


def test_monte_carlo_of_the_precoders_meets_the_closed_forms() -> None:
    ports, snr, draws = 4, 10.0, 100_000
    channel = rayleigh(draws, 2, 2, ports, snr=snr)  # [draws, UE, cell, Nt]
    own, crossed = channel.diagonal(dim1=1, dim2=2).movedim(-1, 1), torch.stack((channel[:, 1, 0], channel[:, 0, 1]), 1)
    rates = two_cell_rates(ports, snr)
    for kind, wanted in (("mrt", rates.mrt), ("zf", rates.one_null)):
        sent = coordinated_precoder(own, crossed[:, :, None], kind)
        found = mean_rate(channel, sent)
        assert found == pytest.approx(wanted, abs=0.02), kind  # the standard error is 0.004
    alone = received_sinr((own * unit(own.conj())).sum(-1)[..., None], torch.ones(1).bool(), torch.zeros(1), False)
    assert 0.5 * float(torch.log2(1 + alone).mean()) == pytest.approx(rates.blanking, abs=0.01)
    joint = channel.flatten(2)
    sent = torch.stack([coordinated_precoder(joint[:, u], joint[:, 1 - u, None], "zf") for u in range(2)], 1)
    amplitude = torch.einsum("bun,bcn->buc", joint, sent)
    gamma_ = received_sinr(amplitude, torch.eye(2).bool(), torch.zeros(1), False)
    assert float(torch.log2(1 + gamma_).mean()) == pytest.approx(rates.joint, abs=0.02)


def test_nulling_hurts_at_low_snr_and_with_few_ports() -> None:
    low, few, strong = two_cell_rates(4, 0.1), two_cell_rates(2, 1.0), two_cell_rates(4, 10.0)
    assert low.one_null < low.mrt and few.one_null < few.mrt and strong.one_null > strong.mrt
    assert two_cell_rates(1, 10.0).one_null == 0.0
    channel = rayleigh(50_000, 2, 2, 2)
    own, crossed = channel.diagonal(dim1=1, dim2=2).movedim(-1, 1), torch.stack((channel[:, 1, 0], channel[:, 0, 1]), 1)
    nulls, beams = (mean_rate(channel, coordinated_precoder(own, crossed[:, :, None], kind)) for kind in ("zf", "mrt"))
    assert beams - nulls == pytest.approx(few.mrt - few.one_null, abs=0.02)


def mean_rate(channel: Tensor, sent: Tensor) -> float:
    amplitude = torch.einsum("bucn,bcn->buc", channel, sent)
    found = received_sinr(amplitude, torch.eye(2).bool(), torch.zeros(1), False)
    return float(torch.log2(1 + found).mean())
