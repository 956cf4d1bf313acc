"""A symmetric basis gives the responses of the whole one, for odd and even numbers of PRBs; products are plain sums."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from fading_cases import SPREADS, frequencies

from phy.channel.delay_basis import karhunen_loeve_basis, steering_matrix
from phy.link.response import FrequencyBasis, OnPrbs, Response, SymmetricBasis, basis_of

WIDTHS = [1, 2, 3, 12, 25, 50, 100]


def whole(prbs: int) -> torch.Tensor:
    return steering_matrix(karhunen_loeve_basis(frequencies(prbs), SPREADS, 0.03))


@pytest.mark.parametrize("prbs", WIDTHS[1:])
def test_responses_are_those_of_the_whole_matrix(prbs: int) -> None:
    to_prbs = whole(prbs)
    basis, size = basis_of(to_prbs), len(to_prbs)
    assert isinstance(basis, SymmetricBasis) and basis.size == size and basis.matrix.shape == (size // 2, prbs)
    rows = torch.randn((2, 9, size), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(basis.on_prbs(rows), FrequencyBasis(to_prbs).on_prbs(rows), rtol=0, atol=1e-12)


def test_a_product_is_that_of_plain_sums() -> None:
    rng = torch.Generator().manual_seed(2)
    to_prbs, rows = (torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((4, 10), (2, 3, 4)))
    found = FrequencyBasis(to_prbs).on_prbs(rows)
    for b, r, part, k in itertools.product(range(2), range(3), range(2), range(5)):
        wanted = sum(float(rows[b, r, d]) * float(to_prbs[d, 5 * part + k]) for d in range(4))
        assert math.isclose(float(found[b, r, part, k]), wanted, rel_tol=1e-12, abs_tol=1e-12)


def test_coordinates_on_prbs_are_the_responses() -> None:
    rows = torch.arange(24.0).view(2, 2, 6)
    assert OnPrbs(3).on_prbs(rows)[1, 0].tolist() == [[12.0, 13.0, 14.0], [15.0, 16.0, 17.0]]
    assert basis_of(torch.eye(6)) == OnPrbs(3)
    response = Response(rows.view(1, 2, 12), OnPrbs(3))
    assert response.power()[0, 0, 1].tolist() == [6.0**2 + 9**2, 7.0**2 + 10**2, 8.0**2 + 11**2]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("prbs", [12, 25])
def test_a_drop_has_the_same_bits_in_every_batch(prbs: int, kind: torch.dtype) -> None:
    symmetric = basis_of(whole(prbs).to(kind))
    for basis in (symmetric, FrequencyBasis(whole(prbs).to(kind))):
        rows = torch.randn((5, 77, basis.size), generator=torch.Generator().manual_seed(3), dtype=kind)
        together = basis.on_prbs(rows)
        for drop in range(5):
            assert torch.equal(basis.on_prbs(rows[drop : drop + 1])[0], together[drop])


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
    """One function on five PRBs by hand: h(f) = z (a + j b), h(-f) = z (a - j b)."""
    basis, z = SymmetricBasis(torch.tensor([[3.0, -1.0, 2.0, 0.5, 4.0]])), 2.0 - 3.0j
    expected = [z * complex(3, 0.5), z * complex(-1, 4), z * 2, z * complex(-1, -4), z * complex(3, -0.5)]
    found = basis.on_prbs(torch.tensor([[[z.real, z.imag]]]))[0, 0]
    assert found.tolist() == [[h.real for h in expected], [h.imag for h in expected]]


def test_what_is_not_symmetric_stays_whole() -> None:
    for changed in ((0, 0), (0, 13), (3, 2), (-1, -1)):
        to_prbs = whole(12).clone()
        to_prbs[changed] += 1e-3
        basis = basis_of(to_prbs)
        assert isinstance(basis, FrequencyBasis) and basis.matrix is to_prbs


def test_a_carrier_off_the_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetrically"):
        karhunen_loeve_basis(frequencies(12) + 90e3, SPREADS, 0.03)
