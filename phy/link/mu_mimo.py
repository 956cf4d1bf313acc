"""Computes precoders and SINRs of several UEs of a cell on one PRB.

By reciprocity of a TDD channel the base station knows every UE's matrix H. It represents the UE's channel by the row
behind the combiner that is best for this UE alone, the dominant left singular vector u of H,

    g = sqrt(gamma) u^H H / |u^H H|,    gamma the SINR that it reports of a PRB sent to it alone along g^H,

so that noise and interference of every UE have power 1 and |g|^2 is its SINR without others on the PRB. The precoder of
Uk UEs on a PRB is zero-forcing or its regularised form over their rows, a layer a UE, of equal powers 1 / Uk.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .precoding import regularized_zero_forcing
from .receiver import (
    Receiver,
    ScheduledChannels,
    interference_covariance,
    lmmse_sinr,
    mrc_sinr,
    white_covariance,
    with_noise,
)

_TINY = 8.0  # loading of zero-forcing in units of the number type's epsilon, for UEs with parallel channels


def dominant_direction(channel: Tensor) -> Tensor:
    """Computes unit rows ``u^H H / |u^H H|``, ``[..., Nt]``, with the dominant left singular vector u of
    ``[..., Nr, Nt]``.
    """
    if channel.shape[-2] == 1:
        row = channel[..., 0, :]
    else:
        vectors: Tensor = torch.linalg.eigh(channel @ channel.mH).eigenvectors
        row = (vectors[..., -1:].mH @ channel)[..., 0, :]
    return _unit(row)


def mu_precoder(rows: Tensor, regularized: bool) -> Tensor:
    """Computes the precoder ``[..., Nt, Uk]`` of the UEs of a PRB, of total power 1 split evenly over those that are
    scheduled.

        ZF:  W ~ D^H (D D^H)^-1,        D the rows scaled to length 1
        RZF: W ~ G^H (G G^H + m I)^-1,  m UEs, so that leakage weighs as much as noise and interference

    Both with columns of equal power. Zero-forcing separates UEs with parallel channels as far as the type allows.

    Args:
        rows: ``[..., Uk, Nt]`` rows g of the module's text; a row of zeros stands for no UE.
        regularized: RZF instead of ZF.
    """
    if regularized:
        return regularized_zero_forcing(rows)
    return regularized_zero_forcing(_unit(rows), _TINY * torch.finfo(rows.dtype).eps)


def expected_sinr(rows: Tensor, precoder: Tensor) -> Tensor:
    """Computes the SINR that a base station expects each UE to have, ``[..., Uk]``:

        gamma_m = |g_m w_m|^2 / (1 + sum_{i != m} |g_m w_i|^2)

    It is the reported SINR where one UE is alone, and falls by power split, by what zero-forcing costs and by what
    leaks.

    Args:
        rows: ``[..., Uk, Nt]``.
        precoder: ``[..., Nt, Uk]``.
    """
    product = rows @ precoder
    power = product.real.square() + product.imag.square()
    own = power.diagonal(dim1=-2, dim2=-1)
    itself = torch.eye(power.shape[-1], dtype=torch.bool, device=power.device)
    return own / (1.0 + power.masked_fill(itself, 0.0).sum(-1))


def co_scheduled_sinr(scheduled: ScheduledChannels, precoder: Tensor, receiver: Receiver = "lmmse") -> Tensor:
    """Computes the SINR of each UE of each PRB, ``[B, C, Uk, K]``, behind its own column, with all other columns as
    interference.

    Args:
        scheduled: channels to the UEs, with an axis Uk before K: ``[B, C, Uk, K, J, Nr, Nt]`` and so on.
        precoder: ``[B, C, K, Nt, Uk]`` as sent; a column of zeros where no UE is.
        receiver: linear receiver; LMMSE knows the covariance of everything that disturbs.
    """
    batch, _, users, prbs, near = scheduled.cell.shape
    drop = torch.arange(batch, device=precoder.device)[:, None, None, None, None]
    prb = torch.arange(prbs, device=precoder.device)[:, None]
    sent = precoder[drop, scheduled.cell, prb]  # [B, C, Uk, K, J, Nt, Uk]
    mine = torch.zeros((users, 1, near, 1, users), dtype=torch.bool, device=precoder.device)
    mine[:, 0, 0, 0] = torch.eye(users, dtype=torch.bool, device=precoder.device)
    ones = torch.ones(scheduled.cell.shape, dtype=scheduled.rest.dtype, device=precoder.device)
    seen = interference_covariance(scheduled.channel, sent.masked_fill(mine, 0.0), ones)
    seen = with_noise(seen + white_covariance(scheduled.rest, seen.shape[-1]))
    own = scheduled.channel[..., 0, :, :] @ precoder.movedim(-1, 2)[..., None]
    combine = lmmse_sinr if receiver == "lmmse" else mrc_sinr
    return combine(own, seen)[..., 0]


def channel_similarity(directions: Tensor) -> Tensor:
    """Computes the squared correlation ``mean_k |d_i d_j^H|^2`` of unit rows ``[U, K, Nt]``, real ``[U, U]``, 1 on the
    diagonal.
    """
    by_prb = directions.transpose(0, 1)
    product = by_prb @ by_prb.mH
    mean = (product.real.square() + product.imag.square()).mean(0).clamp(max=1.0)
    return mean.fill_diagonal_(1.0)


def _unit(rows: Tensor) -> Tensor:
    """Scales rows to length 1; those of zeros stay."""
    length = (rows.real.square() + rows.imag.square()).sum(-1, keepdim=True).sqrt()
    return rows / torch.where(length > 0, length, torch.ones_like(length))
