"""Users of a cell on one PRB: rows, precoders and what they lead to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles_mu_mimo import precoder_loops
from torch import Tensor

from phy.link.mu_mimo import channel_similarity, dominant_direction, expected_sinr, mu_precoder
from phy.link.precoding import mrt


def channels(*shape: int, seed: int = 0, dtype: torch.dtype = torch.complex128) -> Tensor:
    luck = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=luck, dtype=torch.complex128).to(dtype)


def up_to_phase(one: Tensor, other: Tensor) -> Tensor:
    """Squared correlation of rows, 1 where they are the same."""
    return (one * other.conj()).sum(-1).abs().square()


@pytest.mark.parametrize("receiving", [1, 2, 4])
def test_a_row_is_the_channel_behind_its_dominant_left_singular_vector(receiving: int) -> None:
    channel = channels(5, 6, receiving, 8)
    found = dominant_direction(channel)
    left = torch.linalg.svd(channel).U[..., 0]
    combined = (left.conj()[..., None] * channel).sum(-2)
    torch.testing.assert_close(found.abs().square().sum(-1), torch.ones(5, 6).double())
    expected = combined / torch.linalg.vector_norm(combined, dim=-1, keepdim=True)
    torch.testing.assert_close(up_to_phase(found, expected), torch.ones(5, 6).double())
    gain = (channel @ found.conj()[..., None]).abs().square().sum((-1, -2)).sqrt()
    torch.testing.assert_close(gain, torch.linalg.svdvals(channel)[..., 0])


@pytest.mark.parametrize("regularized", [False, True])
def test_precoders_equal_loops_and_no_user_gets_nothing(regularized: bool) -> None:
    rows = 3 * channels(7, 4, 8)
    there = torch.arange(4) <= torch.arange(7)[:, None] % 4
    rows = rows * there[..., None]
    found = mu_precoder(rows, regularized)
    power = found.abs().square().sum(-2)
    torch.testing.assert_close(power, there / there.sum(-1, keepdim=True).double())
    for number in range(7):
        count = int(there[number].sum())
        slow = precoder_loops(list(rows[number, :count].numpy()), regularized)
        fast = found[number, :, :count].numpy()
        phase = np.sum(slow.conj() * fast, 0)
        assert np.allclose(fast, slow * (phase / np.abs(phase)), atol=1e-9)


def leakage(rows: Tensor, precoder: Tensor) -> tuple[Tensor, Tensor]:
    """Mean power of what each user is sent, and of what is meant for others."""
    power = (rows @ precoder).abs().square()
    own = power.diagonal(dim1=-2, dim2=-1)
    return own.mean(-1), (power.sum(-1) - own).mean(-1)


def test_regularised_zero_forcing_lies_between_maximum_ratio_and_zero_forcing() -> None:
    rows = 3 * channels(40, 4, 6)
    forced, between, ratio = (leakage(rows, w) for w in (mu_precoder(rows, False), mu_precoder(rows, True), mrt(rows)))
    assert (forced[1] < 1e-20).all()
    assert (forced[1] < between[1]).all() and (between[1] < ratio[1]).all()
    assert (forced[0] < between[0]).all() and float((between[0] < ratio[0]).double().mean()) > 0.95
    for scale, other in ((1e5, mu_precoder(rows, False)), (1e-5, mrt(rows))):  # the limits of high and low SINR
        torch.testing.assert_close(mu_precoder(scale * rows, True), other, atol=1e-4, rtol=0)
    best = [expected_sinr(rows, w).log1p().sum(-1).mean() for w in (mu_precoder(rows, False), mu_precoder(rows, True))]
    assert best[1] > best[0]


def test_the_expected_sinr_is_the_reported_one_alone_and_split_in_company() -> None:
    rows = 10 * channels(9, 1, 8)
    alone = rows.abs().square().sum(-1)
    for regularized in (False, True):
        torch.testing.assert_close(expected_sinr(rows, mu_precoder(rows, regularized)), alone)
    pair = 10 * channels(9, 2, 8, seed=1)
    power = pair.abs().square().sum(-1)
    unit = pair / power.sqrt()[..., None]
    correlation = up_to_phase(unit[:, 0], unit[:, 1])[:, None]
    torch.testing.assert_close(expected_sinr(pair, mu_precoder(pair, False)), power / 2 * (1 - correlation))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_users_of_equal_rows_get_finite_precoders(dtype: torch.dtype) -> None:
    one = channels(5, 1, 4, dtype=dtype)
    rows = torch.cat((one, 7 * one, one), 1)
    for regularized in (False, True):
        precoder = mu_precoder(rows, regularized)
        assert torch.isfinite(torch.view_as_real(precoder)).all()
        assert (expected_sinr(rows, precoder) <= 0.51 * rows.abs().square().sum(-1)).all()


def test_single_precision_forces_zeros_too() -> None:
    rows = 100 * channels(50, 4, 32)
    leak = (rows @ mu_precoder(rows.to(torch.complex64), False).to(torch.complex128)).abs().square()
    leak = leak.masked_fill(torch.eye(4, dtype=torch.bool), 0.0)
    assert float(leak.max()) < 1e-4  # of noise, at an SINR of 50 dB


def test_similarity_is_the_mean_squared_correlation() -> None:
    rows = channels(5, 3, 4)
    unit = rows / torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    found = channel_similarity(unit)
    for i in range(5):
        for j in range(5):
            each = [abs(np.vdot(unit[i, k].numpy(), unit[j, k].numpy())) ** 2 for k in range(3)]
            assert float(found[i, j]) == pytest.approx(1.0 if i == j else np.mean(each), rel=1e-12)
