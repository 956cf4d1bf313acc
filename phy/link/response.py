"""Computes the response of links on every PRB from fewer numbers: their coordinates in a basis of frequency responses.

A basis is one of three types. :class:`OnPrbs`: coordinates are the responses themselves. :class:`FrequencyBasis`: D
functions of frequency, a product of matrices. :class:`SymmetricBasis`: D functions that are symmetric about the
carrier, which halves that product.

A pure delay has the response ``exp(-j 2 pi f tau)``, which at -f is the conjugate of that at f. Functions that carry
delays can be chosen alike, ``v(f) = a(f) + j b(f)`` with ``a`` even and ``b`` odd. Then with coordinates z, over all
functions d, and for PRBs below the carrier,

    h(f) = sum_d z_d a_d(f) + j sum_d z_d b_d(f),    h(-f) = sum_d z_d a_d(f) - j sum_d z_d b_d(f),

so that two products of real and imaginary parts with real matrices of half the width serve both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .dominant_interferers import DominantLinks


class PrbBasis(Protocol):
    """Describes a basis of frequency responses."""

    @property
    def size(self) -> int:
        """Returns how many numbers represent a link."""

    def on_prbs(self, coordinates: Tensor) -> Tensor:
        """Computes real and imaginary part of every link on every PRB, ``[B, R, 2, K]`` from ``[B, R, size]``.

        A drop has the same bits in every batch.
        """


@dataclass(frozen=True)
class OnPrbs:
    """Represents a basis whose coordinates are the responses: real parts on all PRBs, then imaginary parts."""

    prbs: int

    @property
    def size(self) -> int:
        """Returns how many numbers represent a link."""
        return 2 * self.prbs

    def on_prbs(self, coordinates: Tensor) -> Tensor:
        """Returns the coordinates, ``[B, R, 2, K]``."""
        return coordinates.view(*coordinates.shape[:-1], 2, self.prbs)


@dataclass(frozen=True)
class FrequencyBasis:
    """Holds D functions of frequency: complex coordinates, the real parts first."""

    matrix: Tensor  # [2D, 2K] from coordinates to real and imaginary part on each PRB

    @property
    def size(self) -> int:
        """Returns how many numbers represent a link."""
        return len(self.matrix)

    def on_prbs(self, coordinates: Tensor) -> Tensor:
        """Computes real and imaginary part of every link on every PRB, ``[B, R, 2, K]`` from ``[B, R, 2D]``."""
        product = torch.bmm(coordinates, self.matrix.expand(len(coordinates), -1, -1))
        return product.view(*product.shape[:-1], 2, self.matrix.shape[1] // 2)


@dataclass(frozen=True)
class SymmetricBasis:
    """Holds D functions that are symmetric about the carrier.

    The first K - K // 2 columns are the even parts on the PRBs up to the carrier, that on the carrier among them where
    K is odd; the other K // 2 are the odd parts.
    """

    matrix: Tensor  # [D, K]

    @property
    def size(self) -> int:
        """Returns how many numbers represent a link."""
        return 2 * len(self.matrix)

    def on_prbs(self, coordinates: Tensor) -> Tensor:
        """Computes real and imaginary part of every link on every PRB, ``[B, R, 2, K]`` from ``[B, R, 2D]``."""
        prbs, batch = self.matrix.shape[1], len(coordinates)
        low = prbs // 2
        rows = coordinates.reshape(batch, -1, len(self.matrix))
        product = torch.bmm(rows, self.matrix.expand(batch, -1, -1)).view(batch, -1, 2, prbs)
        (re, im), (re_odd, im_odd) = (half.unbind(2) for half in product.split((prbs - low, low), -1))
        (re, re_mid), (im, im_mid) = (even.split((low, prbs - 2 * low), -1) for even in (re, im))
        real = re - im_odd, re_mid, (re + im_odd).flip(-1)
        imag = im + re_odd, im_mid, (im - re_odd).flip(-1)
        return torch.stack((torch.cat(real, -1), torch.cat(imag, -1)), 2)


def basis_of(to_prbs: Tensor) -> PrbBasis:
    """Returns the functions as a basis, of the type that needs the fewest products.

    Args:
        to_prbs: ``[2D, 2K]``, see :class:`phy.channel.fading.SmallScale`; the unit matrix where coordinates are the
            responses themselves.
    """
    size, prbs = len(to_prbs) // 2, to_prbs.shape[1] // 2
    if size == prbs and torch.equal(to_prbs, torch.eye(2 * prbs, dtype=to_prbs.dtype, device=to_prbs.device)):
        return OnPrbs(prbs)
    real, imag = to_prbs[:size, :prbs], to_prbs[:size, prbs:]
    whole = torch.cat((torch.cat((real, imag), 1), torch.cat((-imag, real), 1)))
    if not (torch.equal(whole, to_prbs) and torch.equal(real, real.flip(1)) and torch.equal(imag, -imag.flip(1))):
        return FrequencyBasis(to_prbs)
    low = prbs // 2
    return SymmetricBasis(torch.cat((real[:, : prbs - low], imag[:, :low]), 1))


@dataclass(frozen=True)
class Response:
    """Holds the responses of J links of every UE in one slot; power 1 is the noise of a PRB."""

    coordinates: Tensor  # [B, U, J * size]
    basis: PrbBasis
    dominant: DominantLinks | None = None  # which cells the J links lead to; None: each of the C cells has one

    def on_prbs(self) -> Tensor:
        """Computes real and imaginary part of every link on every PRB, ``[B, U, J, 2, K]``."""
        batch, users, _ = self.coordinates.shape
        links = self.basis.on_prbs(self.coordinates.reshape(batch, -1, self.basis.size))
        return links.view(batch, users, -1, *links.shape[2:])

    def power(self) -> Tensor:
        """Computes the power of every link on every PRB, ``[B, U, J, K]``."""
        parts = self.on_prbs().square()
        return parts[..., 0, :] + parts[..., 1, :]
