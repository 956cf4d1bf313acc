"""Computes the SINR of each layer after a linear receiver, for links whose channel matrices are known: the scheduled
ones.

    y = H W x + (interference and noise of covariance R),    R = I + sum_j p_j H_j W_j W_j^H H_j^H

Powers are relative to the noise of a PRB, so that noise alone is ``R = I``. ``H`` is ``[..., Nr, Nt]`` with the leading
axes of whatever is asked for: UEs, PRBs or subbands, slots. A layer whose column of W is zero has SINR 0, so that
UEs of unlike rank stand in one tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Receiver = Literal["lmmse", "mrc"]


def interference_covariance(channel: Tensor, precoder: Tensor, power: Tensor) -> Tensor:
    """Computes the covariance ``sum_j p_j H_j W_j W_j^H H_j^H`` of interferers with known precoders, ``[..., Nr, Nr]``.

    Args:
        channel: ``[..., J, Nr, Nt]`` from each interferer.
        precoder: ``[..., J, Nt, L]`` of each.
        power: ``[..., J]`` share of full power that each spends, 0 for one that is silent.
    """
    return _outer(channel @ precoder, power)


def average_covariance(channel: Tensor, power: Tensor) -> Tensor:
    """Computes the covariance of interferers with unknown precoders: power spread evenly over all ports,
    ``W W^H = I / Nt``.
    """
    return _outer(channel, power / channel.shape[-1])


def white_covariance(power: Tensor, antennas: int) -> Tensor:
    """Computes the covariance of interference known by its power alone, ``p I``, ``[..., Nr, Nr]`` from ``[...]``,
    real.
    """
    return power[..., None, None] * torch.eye(antennas, dtype=power.dtype, device=power.device)


def with_noise(covariance: Tensor) -> Tensor:
    """Adds noise of power 1 to interference: ``R = I + Q``."""
    return covariance + torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)


def whiten(channel: Tensor, covariance: Tensor) -> Tensor:
    """Computes the channel ``F^-1 H`` behind a filter that makes interference plus noise white, ``R = F F^H``.

    Args:
        channel: ``[..., Nr, Nt]``.
        covariance: interference plus noise, ``[..., Nr, Nr]``, positive definite but for rounding. In single precision
            nine of ten powers are within 0.5 dB where interference is 60 dB above the noise; further up rounding
            errors take the place of the noise.
    """
    white: Tensor = torch.linalg.solve_triangular(_factor(covariance.to(channel.dtype)), channel, upper=False)
    return white


def _factor(covariance: Tensor) -> Tensor:
    """Computes F of ``R = F F^H``, lower triangular, ``[..., Nr, Nr]``; where R is singular by rounding, of R plus the
    size of the rounding errors. On a GPU both are computed, as a look at what failed would make the host wait.
    """
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(covariance, check_errors=False)
    if not covariance.is_cuda and not bool(failed.any()):
        return factor
    antennas = covariance.shape[-1]
    rounding = 8 * antennas * torch.finfo(covariance.dtype).eps
    error = rounding * covariance.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    regular = covariance + error[..., None, None] * torch.eye(
        antennas, dtype=covariance.dtype, device=covariance.device
    )
    return torch.where(failed[..., None, None] > 0, torch.linalg.cholesky_ex(regular).L, factor)


def lmmse_sinr(effective: Tensor, covariance: Tensor | None = None) -> Tensor:
    """Computes the SINR of each layer behind the LMMSE receiver, which knows ``R``:

        gamma_l = 1 / [(I + G^H R^-1 G)^-1]_ll - 1,    G = H W

    In single precision good to 0.01 dB as long as the strongest layer is below 40 dB.

    Args:
        effective: ``[..., Nr, L]`` channel times precoder.
        covariance: interference plus noise ``[..., Nr, Nr]``; without it noise alone.

    Returns:
        ``[..., L]`` linear.
    """
    white = effective if covariance is None else whiten(effective, covariance)
    if white.shape[-1] == 1:
        return _power(white).sum(-2)
    rest = inverse_diagonal(with_noise(white.mH @ white))
    return (1.0 / rest - 1.0).clamp_min(0.0)


def mrc_sinr(effective: Tensor, covariance: Tensor | None = None) -> Tensor:
    """Computes the SINR of each layer behind maximum-ratio combining ``g_l^H y``, which ignores the direction of
    interference:

        gamma_l = |g_l|^4 / (sum_{i != l} |g_l^H g_i|^2 + g_l^H R g_l)

    Args:
        effective: ``[..., Nr, L]`` channel times precoder, columns g_l.
        covariance: interference plus noise ``[..., Nr, Nr]``; without it noise alone.

    Returns:
        ``[..., L]`` linear.
    """
    gram = _power(effective.mH @ effective)
    own = gram.diagonal(dim1=-2, dim2=-1)
    filtered = effective if covariance is None else covariance.to(effective.dtype) @ effective
    noise = (effective.conj() * filtered).sum(-2).real
    itself = torch.eye(gram.shape[-1], dtype=torch.bool, device=gram.device)
    disturbed = gram.masked_fill(itself, 0.0).sum(-1) + noise
    return torch.where(disturbed > 0, own / disturbed, torch.zeros_like(own))


def post_combining_sinr(
    channel: Tensor, precoder: Tensor, covariance: Tensor | None = None, receiver: Receiver = "lmmse"
) -> Tensor:
    """Computes the SINR of each layer ``[..., L]`` from channel ``[..., Nr, Nt]`` and precoder ``[..., Nt, L]``."""
    combine = lmmse_sinr if receiver == "lmmse" else mrc_sinr
    return combine(channel @ precoder, covariance)


@dataclass(frozen=True)
class ScheduledChannels:
    """Holds the channels of the scheduled UEs: PRB k of cell c belongs to one UE."""

    channel: Tensor  # [B, C, K, J, Nr, Nt] from the J cells that are heard one by one, the UE's own first
    cell: Tensor  # [B, C, K, J] int64, which cells these are
    rest: Tensor  # [B, C, K] power received from all other cells if they were active, taken as white over antennas


def downlink_sinr(
    scheduled: ScheduledChannels, precoder: Tensor, activity: Tensor, receiver: Receiver = "lmmse"
) -> Tensor:
    """Computes the SINR of each layer of each scheduled UE, ``[B, C, K, L]``; 0 where a cell is silent.

    Args:
        scheduled: channels to the scheduled UEs.
        precoder: ``[B, C, K, Nt, L]`` of each cell on each PRB, whose interference the UEs of other cells see.
        activity: ``[B, C, K]`` share of full power that each cell spends on each PRB.
        receiver: linear receiver.
    """
    batch, _, prbs = activity.shape
    drop = torch.arange(batch, device=activity.device)[:, None, None, None]
    prb = torch.arange(prbs, device=activity.device)[:, None]
    others = scheduled.cell[..., 1:]
    seen = interference_covariance(
        scheduled.channel[..., 1:, :, :], precoder[drop, others, prb], activity[drop, others, prb]
    )
    seen = seen + white_covariance(scheduled.rest, seen.shape[-1])
    own = scheduled.channel[..., 0, :, :]
    return activity[..., None] * post_combining_sinr(own, precoder, with_noise(seen), receiver)


def mean_over_layers(values: Tensor, precoder: Tensor) -> Tensor:
    """Computes the mean over the layers in use of ``[..., L]``, for example of mutual information; 0 where there is
    none.

    Args:
        values: per layer.
        precoder: ``[..., Nt, L]``; a layer is in use where its column is not zero.
    """
    used = (_power(precoder).sum(-2) > 0).to(values.dtype)
    return (values * used).sum(-1) / used.sum(-1).clamp_min(1.0)


def inverse_diagonal(matrix: Tensor) -> Tensor:
    """Computes the diagonal of the inverse of Hermitian positive definite matrices, real ``[..., L]`` from
    ``[..., L, L]``.
    """
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).real
    if matrix.shape[-1] == 1:
        return 1.0 / diagonal
    if matrix.shape[-1] == 2:  # in closed form, as the search of a codebook does it thousands of times
        determinant = diagonal[..., 0] * diagonal[..., 1] - _power(matrix[..., 0, 1])
        return diagonal.flip(-1) / determinant[..., None]
    inverse: Tensor = torch.linalg.inv_ex(matrix, check_errors=False).inverse
    return inverse.diagonal(dim1=-2, dim2=-1).real


def _outer(arriving: Tensor, power: Tensor) -> Tensor:
    """Computes ``sum_j p_j G_j G_j^H`` over the third axis from the end, with J and L in one product."""
    weighted = arriving * power[..., None, None].sqrt()
    columns = weighted.movedim(-3, -2).flatten(-2)
    return columns @ columns.mH


def _power(value: Tensor) -> Tensor:
    return value.real.square() + value.imag.square()
