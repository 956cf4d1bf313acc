"""Computes precoders of cells that spare the UEs of other cells, and the SINR of UEs that several cells send to.

A UE has one antenna. Its channel from a cell is a row h of Nt numbers, in units in which noise and all interference
that is not coordinated have power 1 at this UE, so that with a precoder w of power 1 the SNR is |h w|^2. A row of zeros
stands for no UE.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Precoder = Literal["mrt", "zf", "rzf", "slnr", "wmmse"]
"""Precoders of coordinated cells."""

_HALVINGS = 60  # of the multiplier of the power constraint of WMMSE
_DEPENDENT = 64.0  # in units of the number type's epsilon: below it what is left of a row beside others is rounding


def coordinated_precoder(own: Tensor, spared: Tensor, kind: Literal["mrt", "zf", "rzf", "slnr"]) -> Tensor:
    """Computes the precoder of power 1 of a cell towards its UE that spares other UEs, ``[..., Nt]``.

        MRT:  w ~ h^H
        ZF:   w ~ (I - G^H (G G^H)^-1 G) h^H,   a null towards every spared UE
        RZF:  w ~ first column of H^H (H H^H + m I)^-1,   H = [h; G], m UEs in H
        SLNR: w ~ (I + G^H G)^-1 h^H,   the greatest |h w|^2 / (1 + |G w|^2) (Sadek, Tarighat, Sayed, 2007)

    Args:
        own: ``[..., Nt]`` row of the UE that is served.
        spared: ``[..., Uk, Nt]`` rows G of the UEs that the cell must not disturb; for ZF at most Nt - 1 of them not
            zero, see :func:`strongest_rows`.
        kind: of precoder.

    Returns:
        zeros where there is no UE, or where ZF leaves nothing of its row.
    """
    if kind == "mrt" or spared.shape[-2] == 0:
        return unit(own.conj())
    if kind == "zf":
        return _beside(own, spared)
    if kind == "rzf":
        rows = torch.cat((own[..., None, :], spared), -2)
        present = (_power(rows).sum(-1) > 0).sum(-1).clamp(min=1).to(own.real.dtype)
        first = torch.zeros_like(rows[..., :1])
        first[..., 0, 0] = 1.0
        return unit((rows.mH @ _solve(rows @ rows.mH, present, first))[..., 0])
    one = torch.ones_like(own.real[..., 0])
    return unit(_solve(spared.mH @ spared, one, own.conj()[..., None])[..., 0])


def strongest_rows(rows: Tensor, most: int) -> Tensor:
    """Chooses the strongest rows, ``[..., min(most, Uk), Nt]``: a cell of Nt ports can make Nt - 1 nulls.

    Args:
        rows: ``[..., Uk, Nt]``.
        most: rows to choose, at least 0; of equally strong ones the first.
    """
    if most >= rows.shape[-2]:
        return rows
    order = _power(rows).sum(-1).sort(dim=-1, descending=True, stable=True).indices[..., :most]
    return rows.gather(-2, order[..., None].expand(*order.shape, rows.shape[-1]))


def wmmse_precoder(channel: Tensor, rounds: int = 20) -> Tensor:
    """Computes precoders of all cells together that raise the sum of the rates of their UEs, ``[..., C, Nt]``.

    Weighted minimum mean square error, a UE a cell, equal weights, each cell with a power of at most 1, from MRT on; no
    round lowers the sum rate. It needs the channels of all cells at one place, and is the strong reference of precoders
    that each cell computes by itself.

    Source: Shi et al., IEEE Trans. Signal Process. 59(9), 2011.

    Args:
        channel: ``[..., C, C, Nt]`` row of the UE of each cell (first C) from each cell (second C).
        rounds: of updating receivers, weights and precoders.
    """
    own = channel.diagonal(dim1=-3, dim2=-2).movedim(-1, -2)  # [..., C, Nt]
    sent = unit(own.conj())
    for _ in range(rounds):
        received = (channel * sent[..., None, :, :]).sum(-1)  # [..., C, C]
        wanted = received.diagonal(dim1=-2, dim2=-1)
        total = 1.0 + _power(received).sum(-1)
        weight = 1.0 / (1.0 - _power(wanted) / total).clamp(min=torch.finfo(total.dtype).eps)
        receiver = wanted / total  # its conjugate is applied to what is received
        leak = (weight * _power(receiver))[..., :, None, None] * channel
        gram = torch.einsum("...ijn,...ijm->...jnm", channel.conj(), leak)
        sent = _within_power(gram, (weight * receiver)[..., None] * own.conj())
    return sent


def received_sinr(amplitude: Tensor, wanted: Tensor, rest: Tensor, coherent: bool) -> Tensor:
    """Computes the SINR of UEs to which several cells send the same data, ``[...]``.

        non-coherent: gamma = sum_{j in S} |a_j|^2 / (1 + rest + sum_{j not in S} |a_j|^2)
        coherent:     gamma = |sum_{j in S} a_j|^2 / (1 + rest + sum_{j not in S} |a_j|^2)

    Coherent transmission supposes that the cells are synchronous to a fraction of a carrier period: an upper bound.

    Args:
        amplitude: ``[..., J]`` complex, h_j w_j of each cell, 0 where it is silent.
        wanted: ``[..., J]`` bool, cells S that send to this UE.
        rest: ``[...]`` power of everything else.
        coherent: whether amplitudes add up, and not powers.
    """
    power = _power(amplitude)
    interference = power.masked_fill(wanted, 0.0).sum(-1) + rest
    if coherent:
        signal = _power(amplitude.masked_fill(~wanted, 0.0).sum(-1))
    else:
        signal = power.masked_fill(~wanted, 0.0).sum(-1)
    return signal / (1.0 + interference)


def unit(rows: Tensor) -> Tensor:
    """Scales vectors ``[..., Nt]`` to power 1; those of zeros stay."""
    power = _power(rows).sum(-1, keepdim=True)
    return rows * torch.where(power > 0, power, torch.ones_like(power)).rsqrt()


def _beside(own: Tensor, spared: Tensor) -> Tensor:
    """Computes the part of ``own^H`` that no spared row receives, of power 1; projected twice, for deep nulls."""
    rows = unit(spared)
    missing = (_power(rows).sum(-1) == 0).to(rows.dtype)
    gram, eps = rows @ rows.mH + torch.diag_embed(missing), torch.finfo(own.real.dtype).eps
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    inverse: Tensor = torch.linalg.inv_ex(gram + eps * eye, check_errors=False).inverse
    start = unit(own.conj())
    left = start
    for _ in range(2):
        left = left - (rows.mH @ (inverse @ (rows @ left[..., None])))[..., 0]
    dependent = _power(left).sum(-1, keepdim=True) <= (_DEPENDENT * eps) ** 2
    return unit(left.masked_fill(dependent, 0.0))


def _solve(gram: Tensor, loading: Tensor, right: Tensor) -> Tensor:
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    found: Tensor = torch.linalg.solve_ex(gram + loading[..., None, None] * eye, right, check_errors=False).result
    return found


def _within_power(gram: Tensor, right: Tensor) -> Tensor:
    """Computes ``(A + mu I)^-1 b`` with the least mu >= 0 at which its power is at most 1, ``[..., Nt]``."""
    values, vectors = torch.linalg.eigh(gram)
    part = (vectors.mH @ right[..., None])[..., 0]
    power = _power(part)
    least = torch.finfo(power.dtype).eps * values.amax(-1, keepdim=True).clamp(min=1.0)
    low = torch.zeros_like(least)
    high = power.sum(-1, keepdim=True).sqrt() + least  # with so much the power is below 1
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        fits = (power / (values.clamp(min=0.0) + middle + least).square()).sum(-1, keepdim=True) <= 1.0
        low, high = torch.where(fits, low, middle), torch.where(fits, middle, high)
    scaled = part / (values.clamp(min=0.0) + high + least)
    found: Tensor = (vectors @ scaled[..., None])[..., 0]
    return found


def _power(value: Tensor) -> Tensor:
    return value.real.square() + value.imag.square()
