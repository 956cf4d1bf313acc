"""Computes the mean spectral efficiency over Rician fading from a table.

E log2(1 + gamma abs(h)^2) = log2(1 + c gamma), where the factor c(K, gamma) lies between exp(-0.577) and 1 and changes
slowly, so that a small table of c has the rate to 0.01 bit/s/Hz. The expectation is an integral over the density of
abs(h)^2 with mean 1 (Simon and Alouini, "Digital Communication over Fading Channels", 2005, equation 2.16):

    p(x) = (1 + K) exp(-K - (1 + K) x) I_0(2 sqrt(K (1 + K) x))
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..numerics import log_grid

Array = NDArray[np.float64]

K_LOW_DB, K_HIGH_DB, K_STEPS = -20.0, 40.0, 5  # rows of a dB
COARSE = 3  # bits of the index of the log grid that are left out: eight columns an octave
COLUMNS = log_grid.SIZE >> COARSE
_PANELS = 24  # of the integral, each with _NODES nodes
_NODES = 10
_TAIL = 7.0  # standard deviations of the amplitude beyond the direct ray


def mean_spectral_efficiency(k_db: Tensor, sinr: Tensor) -> Tensor:
    """Computes E log2(1 + gamma abs(h)^2) in bit/s/Hz, of the shape of ``sinr``.

    Args:
        k_db: K-factor in dB, of a shape that broadcasts to that of ``sinr``; beyond -20 to 40 dB the end row holds.
        sinr: mean SINR gamma, linear, at least 0; below -30 dB the first column holds, above 54 dB the last.
    """
    row = ((k_db - K_LOW_DB) * K_STEPS + 0.5).to(torch.int32).clamp_(0, rows() - 1)
    index = (log_grid.index(sinr) >> COARSE) + row * COLUMNS
    factor = factor_table(sinr.device).index_select(0, index.reshape(-1)).view(index.shape)
    return torch.log1p(sinr * factor.to(sinr.dtype)) * (1.0 / float(np.log(2.0)))


def mean_log2(k: Array, gamma: Array) -> Array:
    """Computes E log2(1 + gamma abs(h)^2) by quadrature, ``[K-factors, SINRs]``.

    Args:
        k: linear K-factors, at most 10^4.
        gamma: linear mean SINRs.
    """
    from scipy.special import i0e  # here, as it takes half a second

    direct = np.sqrt(k / (1.0 + k))[:, None]
    reach = direct + _TAIL / np.sqrt(2.0 * (1.0 + k))[:, None]
    node, weight = _graded_nodes()
    amplitude, weight = reach * node, reach * weight  # [K-factors, nodes]
    off = np.sqrt(1.0 + k)[:, None] * (amplitude - direct)
    argument = 2.0 * np.sqrt(k * (1.0 + k))[:, None] * amplitude
    density = 2.0 * amplitude * (1.0 + k)[:, None] * np.exp(-np.square(off)) * i0e(argument)
    total = density * weight
    total = total / total.sum(axis=1, keepdims=True)
    rates = [row @ np.log1p(np.square(at)[:, None] * gamma) for row, at in zip(total, amplitude, strict=True)]
    return np.asarray(np.stack(rates) / np.log(2.0), dtype=np.float64)


def _graded_nodes() -> tuple[Array, Array]:
    """Computes Gauss-Legendre nodes and weights on (0, 1); panels near 0 shrink towards it."""
    point, weight = np.polynomial.legendre.leggauss(_NODES)
    edges = np.concatenate(([0.0], np.geomspace(1e-6, 0.04, _PANELS // 4), np.linspace(0.04, 1.0, _PANELS)[1:]))
    low, width = edges[:-1, None], np.diff(edges)[:, None]
    return (low + 0.5 * width * (1.0 + point)).ravel(), (0.5 * width * weight).ravel()


def rows() -> int:
    """Counts the K-factors of the table."""
    return round((K_HIGH_DB - K_LOW_DB) * K_STEPS) + 1


@cache
def factor_table(device: torch.device) -> Tensor:
    """Computes the table of the factor c, float32 ``[rows * columns]``: a row a K-factor, a column a mean SINR."""
    edges = log_grid.edges().numpy()[:: 1 << COARSE]
    gamma = np.sqrt(edges[1:] * edges[:-1])
    k = 10.0 ** (np.linspace(K_LOW_DB, K_HIGH_DB, rows()) / 10.0)
    factor = np.expm1(mean_log2(k, gamma) * np.log(2.0)) / gamma
    return torch.from_numpy(factor.astype(np.float32)).reshape(-1).to(device)
