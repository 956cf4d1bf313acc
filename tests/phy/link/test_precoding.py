"""Precoders: power, limits, and the choice from codebooks against a search in loops; Sionna's RZF."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from oracles_antennas import lmmse_sinr as oracle_lmmse
from torch import Tensor

from phy.antenna.codebook import Codebook, panel_codebook, type_1_codebook
from phy.antenna.panel import PanelSettings
from phy.link.precoding import (
    best_entry,
    best_rank,
    best_report,
    eigen_precoder,
    eigen_precoder_of_covariance,
    mrt,
    regularized_zero_forcing,
    transmit_covariance,
    zero_forcing,
)
from phy.link.receiver import lmmse_sinr, whiten
from phy.random import normal


def channels(*shape: int, seed: int = 3) -> Tensor:
    """Complex normal entries of unit mean power, complex128."""
    parts = normal(torch.tensor([seed, seed + 1]), shape)
    return torch.complex(parts[0], parts[1]) / math.sqrt(2)


def power(columns: Tensor) -> Tensor:
    return columns.abs().square().sum(-2)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_eigen_precoder_takes_the_strongest_directions(layers: int) -> None:
    h = channels(5, 4, 16)
    w = eigen_precoder(h, layers)
    torch.testing.assert_close(power(w), torch.full((5, layers), 1.0 / layers).double())
    received = power(h @ w) * layers
    torch.testing.assert_close(received, torch.linalg.svdvals(h)[:, :layers].square())
    gram = (h @ w).mH @ (h @ w)
    assert float((gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))).abs().max()) < 1e-12
    wide = eigen_precoder_of_covariance(transmit_covariance(h[:, None]), layers)
    torch.testing.assert_close(power(h @ wide), received / layers)


def test_wideband_covariance_is_a_mean() -> None:
    h = channels(3, 6, 2, 4)
    expected = sum(h[:, k].mH @ h[:, k] for k in range(6)) / 6
    torch.testing.assert_close(transmit_covariance(h), expected)


def test_mrt_has_the_whole_array_gain() -> None:
    h = channels(7, 1, 8)
    torch.testing.assert_close((h @ mrt(h)).abs().square()[:, 0, 0], h.abs().square().sum((-2, -1)))


def test_zero_forcing_removes_interference() -> None:
    h = channels(5, 3, 8)
    w = zero_forcing(h)
    torch.testing.assert_close(power(w), torch.full((5, 3), 1 / 3).double())
    crossed = (h @ w).abs()
    off = crossed - torch.diag_embed(crossed.diagonal(dim1=-2, dim2=-1))
    assert float(off.max()) < 1e-12


def test_regularization_leads_from_zero_forcing_to_mrt() -> None:
    h = channels(5, 3, 8)
    torch.testing.assert_close(regularized_zero_forcing(h, 1e9), mrt(h), atol=1e-7, rtol=0)
    torch.testing.assert_close(regularized_zero_forcing(h, 1e-12), zero_forcing(h), atol=1e-9, rtol=0)


def test_default_regularization_is_the_best_one() -> None:
    """Sum rate of users of equal strength, over many channels, at SNR 0, 10 and 20 dB."""
    for snr in (1.0, 10.0, 100.0):
        h = math.sqrt(snr) * channels(800, 4, 4)
        rates = [sum_rate(h, regularized_zero_forcing(h, 4.0 * f)) for f in (0.05, 0.3, 1.0, 3.0, 20.0)]
        assert max(range(5), key=rates.__getitem__) == 2
        torch.testing.assert_close(regularized_zero_forcing(h), regularized_zero_forcing(h, 4.0))


def sum_rate(rows: Tensor, precoder: Tensor) -> float:
    received = (rows @ precoder).abs().square()
    own = received.diagonal(dim1=-2, dim2=-1)
    return float((1 + own / (1 + received.sum(-1) - own)).log2().sum(-1).mean())


def test_absent_streams_get_no_power() -> None:
    h = channels(4, 3, 8)
    h[:, 1] = 0.0
    for make in (mrt, zero_forcing, regularized_zero_forcing):
        w = make(h)
        assert bool((w[..., 1] == 0).all())
        torch.testing.assert_close(w[..., [0, 2]], make(h[:, [0, 2]]))


def test_rzf_of_sionna() -> None:
    theirs = pytest.importorskip("sionna.phy.mimo").rzf_precoding_matrix
    h = channels(4, 3, 8)
    ours = regularized_zero_forcing(h, 0.7)
    torch.testing.assert_close(ours * math.sqrt(3), theirs(h, 0.7, precision="double"))


def oracle_choice(h: np.ndarray, entries: np.ndarray) -> tuple[int, float]:
    rates = []
    for w in entries:
        each = [np.log2(1 + oracle_lmmse(x @ w, np.eye(len(x)) + 0j)).sum() for x in h]
        rates.append(float(np.mean(each)))
    return int(np.argmax(rates)), max(rates)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_choice_of_an_entry(rank: int) -> None:
    h = 2 * channels(3, 5, 4, 8)
    book = type_1_codebook(2, 2, rank)
    ours = best_entry(h, book)
    for user in range(3):
        index, rate = oracle_choice(h[user].numpy(), book.entries.numpy())
        assert int(ours.index[user]) == index or rank == 4  # four layers at four antennas: some entries are equal
        assert float(ours.rate[user]) == pytest.approx(rate)
        assert torch.equal(ours.precoder[user], book.entries[ours.index[user]])


def test_choice_of_a_rank() -> None:
    """One layer at low SNR, four at high; the rate rises with the ranks allowed and stays below capacity."""
    books = [panel_codebook(PanelSettings(columns=4, polarizations=2, ports=8), rank) for rank in (1, 2, 3, 4)]
    h = channels(20, 1, 4, 8)
    low, high = best_rank(0.01 * h, books), best_rank(100 * h, books)
    assert bool((low.rank == 1).all())
    assert bool((high.rank == 4).all())
    assert low.precoder.shape == high.precoder.shape == (20, 8, 4)
    assert bool((low.precoder[..., 1:] == 0).all())
    middle = best_rank(h, books)
    for book in books:
        assert bool((best_entry(h, book).rate <= middle.rate + 1e-12).all())
    torch.testing.assert_close(lmmse_sinr(h[:, 0] @ middle.precoder).log1p().sum(-1) / math.log(2), middle.rate)
    capacity = sum(torch.log2(1 + v.square()) for v in torch.linalg.svdvals(h[:, 0]).unbind(-1))
    assert bool((middle.rate <= capacity).all())


def test_report_has_one_beam_and_a_cophasing_a_subband() -> None:
    h, book = channels(10, 4, 2, 2, 8), type_1_codebook(2, 2, 2)
    report, free = best_report(h, book), best_entry(h, book)
    pmi = book.pmi[report.index]
    assert report.index.shape == (10, 4)
    assert bool((pmi[..., :3] == pmi[:, :1, :3]).all()) and bool((pmi[..., 3] != pmi[:, :1, 3]).any())
    whole = best_entry(h.flatten(1, 2), book).rate
    assert bool((report.rate.mean(1) >= whole - 1e-12).all()) and bool((report.rate <= free.rate + 1e-12).all())
    for user in range(10):  # no other beam does better
        rates = torch.stack([best_entry(h[user], part_of(book, i)).rate.mean() for i in range(len(book.entries) // 2)])
        assert float(rates.max()) == pytest.approx(float(report.rate[user].mean()))


def part_of(book: Codebook, beam: int) -> Codebook:
    """The entries of one beam."""
    rows = slice(book.cophasings * beam, book.cophasings * (beam + 1))
    return Codebook(book.entries[rows], book.pmi[rows], book.cophasings)


def test_choice_turns_away_from_interference() -> None:
    """A strong interferer at the receiver: whitening leaves its direction out."""
    h = channels(6, 1, 2, 4)
    g = 30 * channels(6, 2, 1, seed=9)
    covariance = torch.eye(2) + g @ g.mH
    book = type_1_codebook(2, 1, 1)
    blind = best_entry(h, book).precoder
    aware = best_entry(whiten(h, covariance[:, None]), book).precoder
    gain = lmmse_sinr(h[:, 0] @ aware, covariance) / lmmse_sinr(h[:, 0] @ blind, covariance)
    assert bool((gain >= 1 - 1e-9).all()) and float(gain.max()) > 1.2


def test_parts_of_a_codebook_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    h, book = channels(2, 3, 2, 8), type_1_codebook(4, 1, 2)
    whole = best_entry(h, book)
    monkeypatch.setattr("phy.link.precoding._ENTRIES_BYTES", 5000)
    parts = best_entry(h, book)
    assert torch.equal(whole.index, parts.index)


def test_alone_as_in_a_batch() -> None:
    h = channels(7, 5, 4, 16).to(torch.complex64)
    books = [type_1_codebook(4, 2, rank).to(torch.device("cpu"), torch.complex64) for rank in (1, 2, 3)]
    together, alone = best_rank(h, books), best_rank(h[3:4], books)
    for name in ("rank", "index", "precoder", "rate"):
        assert torch.equal(getattr(together, name)[3:4], getattr(alone, name))
    assert torch.equal(eigen_precoder(h, 2)[3:4], eigen_precoder(h[3:4], 2))


def test_bad_numbers_of_layers() -> None:
    with pytest.raises(ValueError, match=r"5 layers were asked for, but 4 receive and 8 transmit ports carry 1 to 4"):
        eigen_precoder(channels(4, 8), 5)
    with pytest.raises(ValueError, match=r"9 layers were asked for, but 8 transmit ports carry 1 to 8"):
        zero_forcing(channels(9, 8))
    with pytest.raises(ValueError, match=r"0 layers were asked for"):
        eigen_precoder_of_covariance(channels(4, 4), 0)
