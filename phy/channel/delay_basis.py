"""Computes a basis of frequency responses that carries every delay, the same for all links of a carrier.

The response of a delay tau at the PRBs f_k is ``exp(-j 2 pi f_k tau)``. The Karhunen-Loeve expansion over delays of
exponential power-delay profiles gives the D orthonormal functions of K PRBs outside of which the least mean energy
lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_LEAST_GRID = 2048  # points of the delay grid on which the basis is tabulated
_GRID_PER_TURN = 8  # and at least so many for each turn of the phase between the ends of the carrier
_LONGEST_S = 12e-6  # delays beyond are carried as this one; 30 times the median delay spread of UMa


@dataclass(frozen=True)
class DelayBasis:
    """Holds D orthonormal functions over K PRBs and the coordinates of a pure delay in them."""

    vectors: Tensor  # [K, D] complex128
    delay_s: Tensor  # [Dg] grid of delays
    coordinates: Tensor  # [Dg, D] complex128, of exp(-j 2 pi f_k tau_g)
    error: float  # share of the mean energy outside of the basis

    def to(self, device: torch.device) -> DelayBasis:
        """Moves the basis to another device."""
        return DelayBasis(self.vectors.to(device), self.delay_s.to(device), self.coordinates.to(device), self.error)


def karhunen_loeve_basis(frequency_hz: Tensor, delay_spreads_s: Tensor, max_error: float) -> DelayBasis:
    """Computes the basis outside of which responses of exponential delay profiles have the least energy.

    Its first function is flat, so that a direct ray, which has no delay, is carried exactly. All are symmetric about
    the carrier, see :mod:`phy.link.response`: the problem is solved in real numbers, the even and odd parts of
    responses.

    Args:
        frequency_hz: ``[K]`` centre of each PRB, relative to the carrier and symmetric about it.
        delay_spreads_s: ``[Dp]`` delay spreads of typical links, all of equal weight.
        max_error: share of the mean energy that may lie outside; the fewest functions that keep it are taken.

    Raises:
        ValueError: frequencies that are not symmetric.
    """
    if not torch.allclose(frequency_hz, -frequency_hz.flip(0)):
        raise ValueError("the PRBs of a carrier must lie symmetrically about it")
    width_hz = float(frequency_hz.max() - frequency_hz.min())
    points = max(_LEAST_GRID, 1 + math.ceil(_GRID_PER_TURN * _LONGEST_S * width_hz))
    delay = torch.linspace(0.0, _LONGEST_S, points, dtype=torch.float64)
    profile = torch.exp(-delay[None] / delay_spreads_s[:, None])
    weight = (profile / profile.sum(1, keepdim=True)).mean(0)
    steering = _parts(frequency_hz, delay)
    flat = steering[:, :1] * len(frequency_hz) ** -0.5  # no delay
    rest = steering - flat @ (flat.T @ steering)
    values, vectors = torch.linalg.eigh((rest * weight) @ rest.T)
    left = torch.cat((values.new_zeros(1), values.clamp(min=0.0).cumsum(0))).flip(0) / len(frequency_hz)
    more = min(int((left > max_error).sum()), len(frequency_hz) - 1)  # functions beside the flat one
    kept = torch.cat((flat, vectors[:, len(frequency_hz) - more :].flip(1)), 1)
    coordinates = (kept.T @ steering).T.to(torch.complex128).contiguous()
    return DelayBasis(_of_parts(kept), delay, coordinates, float(left[more]))


def _parts(frequency_hz: Tensor, delay_s: Tensor) -> Tensor:
    """Computes the responses of delays below the carrier, ``[K, Dg]``: real parts, on the carrier, imaginary parts.

    Rows below the carrier stand for both sides of it and count twice in power; one on the carrier is there if K is odd.
    """
    low, turn = len(frequency_hz) // 2, 2 * math.pi * frequency_hz[:, None] * delay_s
    even, odd = torch.cos(turn), -torch.sin(turn)
    return torch.cat((2**0.5 * even[:low], even[low : len(turn) - low], 2**0.5 * odd[:low]))


def _of_parts(parts: Tensor) -> Tensor:
    """Rebuilds complex functions on all PRBs from what :func:`_parts` keeps of them, ``[K, D]``."""
    low = len(parts) // 2
    lower = torch.complex(parts[:low], parts[len(parts) - low :]) * 2**-0.5
    return torch.cat((lower, parts[low : len(parts) - low].to(lower.dtype), lower.conj().flip(0)))


def steering_matrix(basis: DelayBasis) -> Tensor:
    """Computes the real form of a basis, ``[2D, 2K]``, which takes ``[re, im]`` coordinates to ``[re, im]`` of PRBs."""
    re, im = basis.vectors.real.T, basis.vectors.imag.T
    return torch.cat((torch.cat((re, im), 1), torch.cat((-im, re), 1)), 0).contiguous()


def carried_energy(basis: DelayBasis) -> Tensor:
    """Computes the share of the energy of each delay of the grid that a basis carries, ``[Dg]``."""
    return basis.coordinates.abs().square().sum(-1) / len(basis.vectors)


def grid_index(delay: Tensor, basis: DelayBasis) -> Tensor:
    """Computes the index of the nearest delay of a basis's grid, int64 ``[...]``.

    Args:
        delay: delays in s ``[...]``.
        basis: of the carrier.
    """
    return grid_steps(delay, basis).round().long().clamp_(max=len(basis.delay_s) - 1)


def grid_steps(delay: Tensor, basis: DelayBasis) -> Tensor:
    """Computes delays in steps of a basis's grid, not rounded, ``[...]``; arguments as for :func:`grid_index`."""
    return delay * ((len(basis.delay_s) - 1) / _LONGEST_S)
