"""Codebooks: entries from the equations of TS 38.214 clause 5.2.2.2.1, counts, orthogonality, structure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from oracles_antennas import type_one_beam

from phy.antenna.codebook import STANDARD_GRIDS, beams, dft_codebook, oversampling, panel_codebook, type_1_codebook
from phy.antenna.panel import PanelSettings, port_positions, steering

GRIDS = [(ports, n1, n2) for ports, grids in STANDARD_GRIDS.items() for n1, n2 in grids]


def test_grids_are_those_of_the_standard() -> None:
    assert len(GRIDS) == 14
    assert all(ports == 2 * n1 * n2 for ports, n1, n2 in GRIDS)
    assert sorted({ports for ports, *_ in GRIDS}) == [2, 4, 8, 12, 16, 24, 32]


@pytest.mark.parametrize(("ports", "n1", "n2"), GRIDS)
def test_columns_are_orthogonal_and_of_equal_norm(ports: int, n1: int, n2: int) -> None:
    for rank in range(1, min(8, ports) + 1):
        entries = type_1_codebook(n1, n2, rank).entries
        assert entries.shape[1:] == (ports, rank)
        gram = entries.mH @ entries
        torch.testing.assert_close(gram, (torch.eye(rank, dtype=gram.dtype) / rank).expand_as(gram), atol=1e-12, rtol=0)
        torch.testing.assert_close(entries.abs(), torch.full_like(entries.abs(), (rank * ports) ** -0.5))


@pytest.mark.parametrize(
    ("grid", "counts"),
    [
        ((1, 1), (4, 2)),
        ((2, 1), (8 * 4, 8 * 2 * 2, 8 * 1 * 2, 8 * 1 * 2)),
        ((2, 2), (64 * 4, 64 * 4 * 2, 64 * 3 * 2, 64 * 3 * 2, 64 * 2, 64 * 2, 64 * 2, 64 * 2)),
        ((4, 1), (16 * 4, 16 * 4 * 2, 16 * 3 * 2, 16 * 3 * 2, 16 * 2, 16 * 2, 8 * 2, 8 * 2)),
        ((3, 2), (96 * 4, 96 * 4 * 2, 96 * 4 * 2, 96 * 4 * 2, 96 * 2, 96 * 2, 48 * 2, 48 * 2)),
        ((6, 1), (24 * 4, 24 * 4 * 2, 24 * 4 * 2, 24 * 4 * 2, 24 * 2, 24 * 2, 24 * 2, 24 * 2)),
        ((4, 2), (128 * 4, 128 * 4 * 2, 64 * 4 * 2, 64 * 4 * 2, 128 * 2, 128 * 2, 64 * 2, 64 * 2)),
        ((4, 4), (256 * 4, 256 * 4 * 2, 128 * 4 * 2, 128 * 4 * 2, 256 * 2, 256 * 2, 256 * 2, 256 * 2)),
        ((16, 1), (64 * 4, 64 * 4 * 2, 32 * 4 * 2, 32 * 4 * 2, 64 * 2, 64 * 2, 64 * 2, 64 * 2)),
    ],
)
def test_counts(grid: tuple[int, int], counts: tuple[int, ...]) -> None:
    assert tuple(len(type_1_codebook(*grid, rank).entries) for rank in range(1, len(counts) + 1)) == counts


def test_two_ports() -> None:
    """TS 38.214 Table 5.2.2.2.1-1, entry by entry."""
    one, two = type_1_codebook(1, 1, 1).entries, type_1_codebook(1, 1, 2).entries
    expected = np.array([[1, 1], [1, 1j], [1, -1], [1, -1j]]) / math.sqrt(2)
    np.testing.assert_allclose(one[..., 0].numpy(), expected, atol=1e-15)
    np.testing.assert_allclose(two[0].numpy(), np.array([[1, 1], [1, -1]]) / 2, atol=1e-15)
    np.testing.assert_allclose(two[1].numpy(), np.array([[1, 1], [1j, -1j]]) / 2, atol=1e-15)


def entry(n1: int, n2: int, rank: int, pmi: tuple[int, int, int, int]) -> np.ndarray:
    book = type_1_codebook(n1, n2, rank)
    (where,) = torch.nonzero((book.pmi == torch.tensor(pmi)).all(1)).flatten().tolist()
    return book.entries[where].numpy()


def v(n1: int, n2: int, first: int, second: int) -> np.ndarray:
    return type_one_beam(n1, n2, *oversampling(n1, n2), first, second)


def columns(*pairs: tuple[np.ndarray, complex]) -> np.ndarray:
    """Columns ``[v; c v]``."""
    return np.stack([np.concatenate((beam, c * beam)) for beam, c in pairs], 1)


def test_four_ports_in_numbers() -> None:
    """Rank 1, (2, 1), i = (1, 0, 0, 1): v = [1, exp(j pi / 4)], co-phasing j."""
    e = np.exp(1j * math.pi / 4)
    np.testing.assert_allclose(entry(2, 1, 1, (1, 0, 0, 1))[:, 0], np.array([1, e, 1j, 1j * e]) / 2, atol=1e-15)


def test_entries_by_the_equations() -> None:
    a, b = v(4, 2, 5, 3), v(4, 2, 5 + 8, 3)  # i_1,3 = 3 with N1 > N2 > 1: k1 = 2 O1
    expected = columns((a, 1j), (b, -1j)) / math.sqrt(2 * 16)
    np.testing.assert_allclose(entry(4, 2, 2, (5, 3, 3, 1)), expected, atol=1e-14)
    b = v(4, 4, 5 + 4, 3 + 4)  # i_1,3 = 3 with N1 = N2: (O1, O2)
    expected = columns((v(4, 4, 5, 3), 1), (b, -1)) / math.sqrt(2 * 32)
    np.testing.assert_allclose(entry(4, 4, 2, (5, 3, 3, 0)), expected, atol=1e-14)
    a, b = v(3, 2, 7, 2), v(3, 2, 7 + 8, 2)  # rank 3 below 16 ports, i_1,3 = 3 of (3, 2): k1 = 2 O1
    expected = columns((a, 1j), (b, 1j), (a, -1j)) / math.sqrt(3 * 12)
    np.testing.assert_allclose(entry(3, 2, 3, (7, 2, 3, 1)), expected, atol=1e-14)
    a, b = v(4, 1, 9, 0), v(4, 1, 9 + 12, 0)  # rank 4 of (4, 1), i_1,3 = 2: k1 = 3 O1
    expected = columns((a, 1), (b, 1), (a, -1), (b, -1)) / math.sqrt(4 * 8)
    np.testing.assert_allclose(entry(4, 1, 4, (9, 0, 2, 0)), expected, atol=1e-14)


def test_half_beams_by_the_equations() -> None:
    """Rank 4 of (4, 2): v~ over N1 / 2 = 2 by N2 = 2, theta of i_1,3, phi of i_2."""
    theta, phi = np.exp(1j * math.pi / 2), 1j
    along, across = (np.exp(2j * math.pi * step * np.arange(2)) for step in (2 * 3 / 16, 5 / 8))
    half = np.outer(along, across).flatten()
    rows = [
        [1, 1, 1, 1],
        [theta, -theta, theta, -theta],
        [phi, phi, -phi, -phi],
        [phi * theta, -phi * theta, -phi * theta, phi * theta],
    ]
    expected = np.concatenate([np.outer(half, row) for row in rows]) / math.sqrt(4 * 16)
    np.testing.assert_allclose(entry(4, 2, 4, (3, 5, 2, 1)), expected, atol=1e-14)
    np.testing.assert_allclose(entry(4, 2, 3, (3, 5, 2, 1)), expected[:, :3] * math.sqrt(4 / 3), atol=1e-14)


def test_high_ranks_by_the_equations() -> None:
    a, b, c, d = (v(2, 2, *beam) for beam in ((3, 1), (7, 1), (3, 5), (7, 5)))
    five = columns((a, 1j), (a, -1j), (b, 1), (b, -1), (d, 1)) / math.sqrt(5 * 8)
    np.testing.assert_allclose(entry(2, 2, 5, (3, 1, 0, 1)), five, atol=1e-14)
    six = columns((a, 1j), (a, -1j), (b, 1j), (b, -1j), (d, 1), (d, -1)) / math.sqrt(6 * 8)
    np.testing.assert_allclose(entry(2, 2, 6, (3, 1, 0, 1)), six, atol=1e-14)
    eight = columns((a, 1j), (a, -1j), (b, 1j), (b, -1j), (c, 1), (c, -1), (d, 1), (d, -1)) / 8
    np.testing.assert_allclose(entry(2, 2, 8, (3, 1, 0, 1)), eight, atol=1e-14)


def test_beams_are_dft_vectors() -> None:
    """Every O-th beam of a grid makes up a DFT matrix, and beam l + N1 O1 is beam l."""
    each = torch.arange(4) * 4
    matrix = beams(4, 1, 4, 1, each, 0 * each)
    expected = torch.from_numpy(np.fft.ifft(np.eye(4), norm="forward"))
    torch.testing.assert_close(matrix, expected, atol=1e-14, rtol=0)
    around = beams(4, 2, 4, 4, torch.tensor(19), torch.tensor(9))
    torch.testing.assert_close(around, beams(4, 2, 4, 4, torch.tensor(3), torch.tensor(1)))


def test_nearest_beam_loses_little() -> None:
    """Four beams a port: towards no direction in front does the best of them lose more than 0.5 dB a side."""
    panel = PanelSettings(rows=4, columns=4, polarizations=2, ports=32)
    book = panel_codebook(panel, 1).entries[::4, :16, 0]  # each beam once, first polarization
    azimuth = torch.linspace(-1, 1, 41, dtype=torch.float64).repeat(21)
    zenith = torch.linspace(1.0, 2.0, 21, dtype=torch.float64).repeat_interleave(41)
    response = steering(port_positions(panel)[:16], azimuth, zenith)
    gain = (response @ book.T).abs().square().max(1).values / 16 * 2
    assert float(gain.min()) > 10 ** (-0.1)
    assert float(gain.max()) <= 1 + 1e-12


@pytest.mark.parametrize(("columns_", "rows"), [(1, 4), (2, 4), (4, 2), (1, 1), (8, 4), (3, 3), (5, 1)])
def test_any_panel_has_a_codebook(columns_: int, rows: int) -> None:
    """Rows and columns may be swapped, 64 ports and odd counts follow the same equations."""
    for polarizations in (1, 2):
        ports = polarizations * columns_ * rows
        panel = PanelSettings(rows=rows, columns=columns_, polarizations=polarizations, ports=ports)  # type: ignore[arg-type]
        for rank in range(1, min(4, ports) + 1):
            entries = panel_codebook(panel, rank).entries
            gram = entries.mH @ entries
            torch.testing.assert_close(
                gram, (torch.eye(rank, dtype=gram.dtype) / rank).expand_as(gram), atol=1e-12, rtol=0
            )


def test_swapped_panel_steers_the_same_way() -> None:
    """A panel of 2 columns and 4 rows has a beam for what comes from above, as 4 columns for what comes from aside."""
    tall = PanelSettings(rows=4, columns=2, polarizations=2, ports=16)
    zenith = torch.tensor([math.acos(0.5)], dtype=torch.float64)  # v of l = O1: a quarter turn a row
    response = steering(port_positions(tall)[:8], torch.zeros(1, dtype=torch.float64), zenith)
    book = panel_codebook(tall, 1).entries[:, :8, 0]
    assert float((response @ book.T).abs().square().max()) == pytest.approx(8 / 2)


def test_dft_codebook_is_a_grid_of_beams() -> None:
    book = dft_codebook(4, 2, 1)
    assert book.entries.shape == (16 * 8, 8, 1)
    assert dft_codebook(1, 1, 1).entries.shape == (1, 1, 1)
    torch.testing.assert_close(book.entries[3 * 8 + 1, :, 0] * 8**0.5, torch.from_numpy(v(4, 2, 3, 1)))


def test_bad_ranks() -> None:
    with pytest.raises(ValueError, match=r"rank is 3, but a codebook of 2 ports has ranks 1 to 2"):
        type_1_codebook(1, 1, 3)
    with pytest.raises(ValueError, match=r"rank is 9, but a codebook of 32 ports has ranks 1 to 8"):
        type_1_codebook(4, 4, 9)
    with pytest.raises(ValueError, match=r"n1 is 2 and n2 is 4, but n1 is the longer side; swap them"):
        type_1_codebook(2, 4, 1)
    with pytest.raises(ValueError, match=r"rank is 0"):
        panel_codebook(PanelSettings(), 0)
