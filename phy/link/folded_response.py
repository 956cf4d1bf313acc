"""Folds a basis that is symmetric about the carrier there, which halves the product from coordinates to PRBs.

A pure delay has the response ``exp(-j 2 pi f tau)``, which at -f is the conjugate of that at f. Functions that carry
delays can be chosen alike, ``v(f) = a(f) + j b(f)`` with ``a`` even and ``b`` odd. Then with coordinates z, over all
functions d, and for PRBs below the carrier,

    h(f) = sum_d z_d a_d(f) + j sum_d z_d b_d(f),    h(-f) = sum_d z_d a_d(f) - j sum_d z_d b_d(f),

so that two products of real and imaginary parts with real matrices of half the width serve both sides.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fold(to_prbs: Tensor) -> Tensor:
    """Computes the even and odd parts of the functions on the PRBs up to the carrier, ``[D, K]``; what is not symmetric
    stays as it is.

    Args:
        to_prbs: ``[2D, 2K]``, see :class:`phy.channel.fading.SmallScale`. Columns of the result are the even part on
            the first K - K // 2 PRBs, the one on the carrier among them where K is odd, and the odd part on the first
            K // 2.
    """
    size, prbs = len(to_prbs) // 2, to_prbs.shape[1] // 2
    real, imag = to_prbs[:size, :prbs], to_prbs[:size, prbs:]
    whole = torch.cat((torch.cat((real, imag), 1), torch.cat((-imag, real), 1)))
    if size == 0 or not (_same(whole, to_prbs) and _same(real, real.flip(1)) and _same(imag, -imag.flip(1))):
        return to_prbs
    low = prbs // 2
    return torch.cat((real[:, : prbs - low], imag[:, :low]), 1)


def unfold(to_prbs: Tensor, prbs: int) -> Tensor:
    """Computes the matrix ``[2D, 2K]`` again, whether it is folded or not."""
    if len(to_prbs) == 0 or to_prbs.shape[1] == 2 * prbs:
        return to_prbs
    low = prbs // 2
    even, odd = to_prbs[:, : prbs - low], to_prbs[:, prbs - low :]
    real = torch.cat((even, even[:, :low].flip(1)), 1)
    imag = torch.cat((odd, odd.new_zeros((len(odd), prbs % 2)), -odd.flip(1)), 1)
    return torch.cat((torch.cat((real, imag), 1), torch.cat((-imag, real), 1)))


def unfold_product(product: Tensor) -> Tensor:
    """Computes the real and imaginary part of links on each PRB, ``[R, 2K]``.

    Args:
        product: ``[2R, K]`` of the real and then the imaginary coordinates of each link with what :func:`fold` gives.
    """
    prbs = product.shape[1]
    low, both = prbs // 2, product.view(-1, 2, prbs)
    (re, im), (re_odd, im_odd) = both[..., : prbs - low].unbind(1), both[..., prbs - low :].unbind(1)
    (re, re_mid), (im, im_mid) = (even.split((low, prbs - 2 * low), 1) for even in (re, im))
    real = re - im_odd, re_mid, (re + im_odd).flip(1)
    imag = im + re_odd, im_mid, (im - re_odd).flip(1)
    return torch.cat((*real, *imag), 1)


def _same(one: Tensor, other: Tensor) -> bool:
    return bool((one == other).all())
