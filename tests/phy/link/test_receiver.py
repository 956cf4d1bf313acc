"""Post-combining SINR against receivers written in loops, Sionna's, and limits that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from oracles_antennas import downlink_sinr as oracle_downlink
from oracles_antennas import lmmse_sinr as oracle_lmmse
from oracles_antennas import mrc_sinr as oracle_mrc
from torch import Tensor

from phy.link.precoding import eigen_precoder, mrt, zero_forcing
from phy.link.receiver import (
    ScheduledChannels,
    average_covariance,
    downlink_sinr,
    interference_covariance,
    inverse_diagonal,
    lmmse_sinr,
    mean_over_layers,
    mrc_sinr,
    post_combining_sinr,
    white_covariance,
    whiten,
    with_noise,
)
from phy.link.response import OnPrbs, Response
from phy.link.sinr import sinr
from phy.random import normal, uniform


def channels(*shape: int, seed: int = 3) -> Tensor:
    parts = normal(torch.tensor([seed, seed + 1]), shape)
    return torch.complex(parts[0], parts[1]) / math.sqrt(2)


def disturbed(*shape: int, antennas: int) -> Tensor:
    """Covariances of noise and two interferers."""
    g = 3 * channels(*shape, antennas, 2, seed=11)
    return torch.eye(antennas) + g @ g.mH


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_receivers_in_loops(layers: int) -> None:
    effective, covariance = 2 * channels(6, 4, layers), disturbed(6, antennas=4)
    lmmse, mrc = lmmse_sinr(effective, covariance), mrc_sinr(effective, covariance)
    for i in range(6):
        g, r = effective[i].numpy(), covariance[i].numpy()
        np.testing.assert_allclose(lmmse[i].numpy(), oracle_lmmse(g, r), rtol=1e-9)
        np.testing.assert_allclose(mrc[i].numpy(), oracle_mrc(g, r), rtol=1e-9)
    assert bool((lmmse >= mrc - 1e-9).all())
    torch.testing.assert_close(lmmse_sinr(effective), lmmse_sinr(effective, torch.eye(4).expand(6, 4, 4)))
    torch.testing.assert_close(mrc_sinr(effective), mrc_sinr(effective, torch.eye(4).expand(6, 4, 4)))


def test_equalizer_of_sionna() -> None:
    theirs = pytest.importorskip("sionna.phy.mimo").lmmse_equalizer
    effective, covariance = channels(8, 4, 3), disturbed(8, antennas=4)
    _, variance = theirs(channels(8, 4, seed=21), effective, covariance, precision="double")
    torch.testing.assert_close(lmmse_sinr(effective, covariance), 1 / variance)


@pytest.mark.parametrize("cells", [1, 3])
def test_post_equalization_sinr_of_sionna(cells: int) -> None:
    """Cells with two layers each, a user of four antennas in each, 14 symbols x 6 subcarriers.

    Behind its whitening filter, where interference and noise have unit power together, Sionna 2.2 adds the interference
    once more: what it reports is reproduced here by that.
    """
    ofdm = pytest.importorskip("sionna.phy.ofdm")
    from sionna.phy.mimo import StreamManagement

    antennas, ports, layers, symbols, subcarriers = 4, 8, 2, 14, 6
    h = 2 * channels(5, cells, cells, symbols, subcarriers, antennas, ports)  # [B, user, cell, ...]
    w = eigen_precoder(channels(5, cells, symbols, subcarriers, layers, ports, seed=31), layers)
    grid = ofdm.ResourceGrid(
        num_ofdm_symbols=symbols, fft_size=subcarriers, subcarrier_spacing=15e3, num_tx=cells,
        num_streams_per_tx=layers, precision="double", device="cpu",
    )  # fmt: skip
    theirs = ofdm.LMMSEPostEqualizationSINR(
        grid, StreamManagement(np.eye(cells), layers), precision="double", device="cpu"
    )
    effective = h @ w[:, None]  # [B, user, cell, symbol, subcarrier, antenna, layer]
    expected = theirs(effective.permute(0, 1, 5, 2, 6, 3, 4), torch.ones(1).double())
    numbers = torch.arange(cells)
    others = torch.stack([numbers.roll(-u)[1:] for u in numbers])  # [C, J]
    seen = torch.stack([effective[:, u, others[u]] for u in range(cells)], 1)  # [B, C, J, T, K, Nr, L]
    seen = seen.movedim(2, 4)
    covariance = interference_covariance(
        seen, torch.eye(layers).to(seen.dtype).expand(*seen.shape[:-2], layers, layers), torch.ones(seen.shape[:-2])
    )
    own = torch.stack([effective[:, u, u] for u in range(cells)], 1)
    ours = lmmse_sinr(own, with_noise(covariance)).permute(0, 2, 3, 1, 4)
    if cells == 1:
        torch.testing.assert_close(ours, expected)
    white, left = (whiten(x, with_noise(covariance)) for x in (own, seen.movedim(4, 5).flatten(-2)))
    twice = left @ left.mH  # interference behind the filter, which is part of the unit power there
    filters = white.mH @ torch.linalg.inv(white @ white.mH + torch.eye(antennas))
    arriving = (filters @ white).abs().square()
    signal = arriving.diagonal(dim1=-2, dim2=-1)
    noise = (filters @ with_noise(twice) @ filters.mH).diagonal(dim1=-2, dim2=-1).real
    torch.testing.assert_close((signal / (arriving.sum(-1) - signal + noise)).permute(0, 2, 3, 1, 4), expected)
    assert bool((ours >= expected - 1e-9).all())


def test_one_antenna_at_each_end_is_the_sinr_of_the_slot_engine() -> None:
    batch, users, cells, prbs = 2, 6, 3, 5
    h = 4 * channels(batch, users, cells, prbs)
    serving = torch.arange(users).expand(batch, users) % cells
    activity = (uniform(torch.tensor([5, 6]), (cells, prbs)) > 0.3).double()
    response = Response(torch.cat((h.real, h.imag), -1).flatten(2), OnPrbs(prbs))
    theirs = sinr(response, serving, activity)
    user = torch.tensor([3, 1, 5]).expand(batch, cells)  # the scheduled one of cells 0, 1, 2
    heard = torch.stack([torch.arange(cells).roll(-c) for c in range(cells)])  # own cell first
    pairs = h[torch.arange(batch)[:, None, None], user[:, :, None], heard]  # [B, C, J, K]
    mine = ScheduledChannels(
        channel=pairs.movedim(-1, 2)[..., None, None],
        cell=heard[None, :, None].expand(batch, cells, prbs, cells),
        rest=torch.zeros((batch, cells, prbs), dtype=torch.float64),
    )
    one = torch.ones((batch, cells, prbs, 1, 1), dtype=torch.complex128)
    for receiver in ("lmmse", "mrc"):
        ours = downlink_sinr(mine, one, activity, receiver)[..., 0]  # type: ignore[arg-type]
        torch.testing.assert_close(ours, activity * theirs.gather(1, user[..., None].expand(-1, -1, prbs)))


def test_downlink_in_loops() -> None:
    batch, cells, prbs, heard, antennas, ports, layers = 2, 4, 3, 3, 2, 4, 2
    channel = channels(batch, cells, prbs, heard, antennas, ports)
    precoder = eigen_precoder(channels(batch, cells, prbs, layers, ports, seed=8), layers)
    precoder[:, 1, :, :, 1] = 0.0  # a cell of one layer
    activity = (uniform(torch.tensor([1, 2]), (cells, prbs)) > 0.25).double()
    cell = torch.stack([torch.arange(cells).roll(-c)[:heard] for c in range(cells)])
    cell = cell[None, :, None].expand(batch, cells, prbs, heard)
    rest = uniform(torch.tensor([3, 4]), (cells, prbs))
    ours = downlink_sinr(ScheduledChannels(channel, cell, rest), precoder, activity)
    theirs = oracle_downlink(*(x.numpy() for x in (channel, cell, rest, precoder, activity)))
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9, atol=1e-12)
    assert bool((ours[:, 1, :, 1] == 0).all())
    single = downlink_sinr(
        ScheduledChannels(channel.to(torch.complex64), cell, rest.float()),
        precoder.to(torch.complex64),
        activity.float(),
    )
    torch.testing.assert_close(single.double(), ours, rtol=1e-4, atol=1e-5)
    alone = downlink_sinr(ScheduledChannels(channel[1:], cell[1:], rest[1:]), precoder[1:], activity[1:])
    assert torch.equal(alone, ours[1:])


def test_one_layer_by_mrc_sums_up_the_snr_of_all_antennas() -> None:
    g = channels(9, 4, 1)
    expected = g.abs().square().sum(1)
    torch.testing.assert_close(mrc_sinr(g), expected)
    torch.testing.assert_close(lmmse_sinr(g), expected)


def test_receive_antennas_null_interferers() -> None:
    """Two antennas and one interferer: LMMSE keeps half the antennas' gain however strong it is, MRC drowns."""
    g, i = channels(4000, 2, 1), channels(4000, 2, 1, seed=41)
    covariance = with_noise(1e8 * (i @ i.mH))
    assert float(lmmse_sinr(g, covariance).mean()) == pytest.approx(1.0, rel=0.05)
    assert float(mrc_sinr(g, covariance).mean()) < 1e-5


def test_zero_forcing_leaves_no_interference_to_users_of_one_antenna() -> None:
    rows = 10 * channels(5, 3, 8)
    w = zero_forcing(rows)
    for user in range(3):
        others = [i for i in range(3) if i != user]
        seen = interference_covariance(
            rows[:, user, None, :][:, None], w[..., others][:, None], torch.ones(5, 1).double()
        )
        assert float(seen.abs().max()) < 1e-18
        snr = lmmse_sinr(rows[:, user, None, :] @ w[..., user, None], with_noise(seen))
        torch.testing.assert_close(snr[:, 0], (rows[:, user] * w[..., user]).sum(-1).abs().square())


def test_precoding_brings_the_gain_of_the_array() -> None:
    """MRT from eight ports to one antenna: nine decibels over one port on the mean."""
    h = channels(4000, 1, 8)
    gain = post_combining_sinr(h, mrt(h)).mean() / lmmse_sinr(h[..., :1]).mean()
    assert 10 * math.log10(float(gain)) == pytest.approx(9.03, abs=0.15)


def test_covariances() -> None:
    h, w, p = channels(4, 3, 2, 8), channels(4, 3, 8, 2, seed=9), uniform(torch.tensor([1, 2, 3, 4]), (3,))
    g = h @ w
    expected = sum(p[:, j, None, None] * g[:, j] @ g[:, j].mH for j in range(3))
    torch.testing.assert_close(interference_covariance(h, w, p), expected)
    even = (torch.eye(8) / math.sqrt(8)).to(h.dtype).expand(4, 3, 8, 8)
    torch.testing.assert_close(average_covariance(h, p), interference_covariance(h, even, p))
    assert torch.equal(white_covariance(torch.tensor([2.0]), 2), 2 * torch.eye(2)[None])
    white = whiten(torch.eye(2).to(h.dtype).expand(4, 2, 2), with_noise(expected))
    torch.testing.assert_close(white @ with_noise(expected) @ white.mH, torch.eye(2).to(h.dtype).expand(4, 2, 2))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_inverse_diagonal(size: int) -> None:
    matrix = disturbed(7, antennas=size)
    expected = torch.linalg.inv(matrix).diagonal(dim1=-2, dim2=-1).real
    torch.testing.assert_close(inverse_diagonal(matrix), expected)


def test_single_precision_holds_up_to_40_db() -> None:
    """Condition numbers and all: 0.01 dB up to 40 dB, which is beyond every MCS."""
    for size in (2, 3, 4):
        effective = channels(2000, 4, size)
        effective = effective * (1e4 / effective.abs().square().sum(-2).amax(-1))[:, None, None].sqrt()
        double, single = lmmse_sinr(effective), lmmse_sinr(effective.to(torch.complex64)).double()
        counts = double > 0.1
        assert float((10 * (single / double).log10()).abs()[counts].max()) < 0.01


def test_mean_over_layers_in_use() -> None:
    w = torch.zeros((2, 4, 3), dtype=torch.complex128)
    w[0, 0, 0] = w[0, 1, 1] = 1.0
    values = torch.tensor([[1.0, 3.0, 9.0], [1.0, 3.0, 9.0]], dtype=torch.float64)
    assert mean_over_layers(values, w).tolist() == [2.0, 0.0]


def test_alone_as_in_a_batch() -> None:
    effective, covariance = channels(16, 4, 2).to(torch.complex64), disturbed(16, antennas=4).to(torch.complex64)
    assert torch.equal(lmmse_sinr(effective, covariance)[7:8], lmmse_sinr(effective[7:8], covariance[7:8]))


def test_interference_that_hides_the_noise_from_single_precision_leaves_finite_channels() -> None:
    """Rank-one interference 60 to 120 dB above the noise; up to 60 dB what it leaves is that of double precision."""
    strong = channels(200, 2, 1, seed=11)
    own = channels(200, 2, 2, seed=12)
    for level_db in (60, 90, 120):
        loud = 10 ** (level_db / 20) * strong
        exact = whiten(own, with_noise(loud @ loud.mH))
        single = loud.to(torch.complex64)
        seen = whiten(own.to(torch.complex64), with_noise(single @ single.mH))
        assert bool(torch.isfinite(torch.view_as_real(seen)).all())
        if level_db == 60:
            power, expected = (x.abs().square().sum((-2, -1)).double() for x in (seen, exact))
            assert float((10 * torch.log10(power / expected)).abs().quantile(0.9)) < 0.5
