"""A basis folded at the carrier gives the responses of the whole one, for odd and even numbers of PRBs."""

from __future__ import annotations

import math

import pytest
import torch
from fading_cases import SPREADS, frequencies
from phy.link.folded_response import fold, unfold, unfold_product

from phy.channel.delay_basis import karhunen_loeve_basis, steering_matrix
from phy.link.sinr import on_prbs

WIDTHS = [1, 2, 3, 12, 25, 50, 100]


def whole(prbs: int) -> torch.Tensor:
    return steering_matrix(karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.03))


@pytest.mark.parametrize("prbs", WIDTHS)
def test_responses_are_those_of_the_whole_matrix(prbs: int) -> None:
    to_prbs = whole(prbs)
    folded, size = fold(to_prbs), len(to_prbs) // 2
    assert folded.shape == (size, prbs)
    rows = torch.randn((9, 3 * 2 * size), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(on_prbs(rows, folded, 3), on_prbs(rows, to_prbs, 3), rtol=0, atol=1e-12)
    assert torch.equal(unfold(folded, prbs), to_prbs)
    assert torch.equal(unfold(to_prbs, prbs), to_prbs)


@pytest.mark.parametrize("prbs", WIDTHS)
def test_functions_are_conjugates_on_either_side_of_the_carrier(prbs: int) -> None:
    basis = karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.0)
    assert torch.equal(basis.vectors, basis.vectors.conj().flip(0))
    assert not basis.coordinates.imag.any()


@pytest.mark.parametrize("prbs", [12, 25])
def test_a_full_basis_carries_every_delay_exactly(prbs: int) -> None:
    basis = karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.0)
    turns = frequencies(prbs)[:, None] * basis.delay_s
    expected = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
    torch.testing.assert_close(basis.vectors @ basis.coordinates.T, expected, rtol=0, atol=1e-9)


def test_opening_is_the_sum_over_even_and_odd_parts() -> None:
    """Two functions on five PRBs by hand: h(f) = z (a + j b), h(-f) = z (a - j b)."""
    even, odd, z = torch.tensor([3.0, -1.0, 2.0]), torch.tensor([0.5, 4.0]), 2.0 - 3.0j
    product = torch.stack([torch.cat((part * even, part * odd)) for part in (z.real, z.imag)])
    expected = [z * complex(3, 0.5), z * complex(-1, 4), z * 2, z * complex(-1, -4), z * complex(3, -0.5)]
    assert unfold_product(product)[0].tolist() == [h.real for h in expected] + [h.imag for h in expected]


def test_what_is_not_symmetric_stays_whole() -> None:
    for changed in ((0, 0), (0, 13), (3, 2), (-1, -1)):
        to_prbs = whole(12).clone()
        to_prbs[changed] += 1e-3
        assert fold(to_prbs) is to_prbs
    nothing = torch.zeros((0, 24))
    assert fold(nothing) is nothing and unfold(nothing, 12) is nothing


def test_a_carrier_off_the_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetrically"):
        karhunen_loeve_basis(frequencies(12) + 90e3, SPREADS, 0.03)
