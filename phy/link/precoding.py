"""Computes precoders of a base station with several ports: by singular vectors, by inversion for several UEs, by
codebook.

A precoder is ``[..., Nt, L]``, one column a layer, of total power ``trace(W W^H) = 1``, split evenly over the layers
that are in use. Channels are in units in which noise of a PRB has power 1 and the cell's power on a PRB is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..antenna.codebook import Codebook
from .receiver import inverse_diagonal, with_noise

_ENTRIES_BYTES = 1 << 26  # working set of the search of a codebook


def eigen_precoder(channel: Tensor, layers: int) -> Tensor:
    """Computes the strongest right singular vectors of the channel, equal powers, ``[..., Nt, L]``.

    Args:
        channel: ``[..., Nr, Nt]``, behind a whitening filter where there is interference.
        layers: at most ``min(Nr, Nt)``.

    Raises:
        ValueError: more layers than the channel can carry.
    """
    receive, transmit = channel.shape[-2:]
    _check_layers(layers, min(receive, transmit), f"{receive} receive and {transmit} transmit ports")
    right: Tensor = torch.linalg.svd(channel, full_matrices=False).Vh
    return right[..., :layers, :].mH / math.sqrt(layers)


def eigen_precoder_of_covariance(covariance: Tensor, layers: int) -> Tensor:
    """Computes the strongest eigenvectors of a transmit covariance, for a wideband precoder, equal powers,
    ``[..., Nt, L]``.

    Args:
        covariance: ``[..., Nt, Nt]``, from :func:`transmit_covariance`.
        layers: at most Nt.

    Raises:
        ValueError: more layers than ports.
    """
    _check_layers(layers, covariance.shape[-1], f"{covariance.shape[-1]} transmit ports")
    vectors: Tensor = torch.linalg.eigh(covariance).eigenvectors
    return vectors[..., -layers:].flip(-1) / math.sqrt(layers)


def transmit_covariance(channel: Tensor) -> Tensor:
    """Computes the mean of ``H^H H`` over the PRBs, ``[..., Nt, Nt]`` from ``[..., K, Nr, Nt]``."""
    stacked = channel.flatten(-3, -2)
    return stacked.mH @ stacked / channel.shape[-3]


def mrt(rows: Tensor) -> Tensor:
    """Computes maximum-ratio transmission, each layer along its own channel, ``[..., Nt, L]``.

    Args:
        rows: ``[..., L, Nt]`` channel of each layer: of a UE with one antenna, or combined by its receiver. A row of
            zeros stands for no layer and gets no power.
    """
    return _share_power(rows.mH)


def zero_forcing(rows: Tensor) -> Tensor:
    """Computes precoders without interference between layers, ``W ~ H^H (H H^H)^-1``, ``[..., Nt, L]`` with columns of
    equal power.

    Args:
        rows: ``[..., L, Nt]`` as in :func:`mrt`, linearly independent where not zero.

    Raises:
        ValueError: more layers than ports.
    """
    _check_layers(rows.shape[-2], rows.shape[-1], f"{rows.shape[-1]} transmit ports")
    missing = (_power(rows).sum(-1) == 0).to(rows.dtype)
    return _share_power(_inverted(rows, torch.diag_embed(missing)))


def regularized_zero_forcing(rows: Tensor, regularization: float | Tensor | None = None) -> Tensor:
    """Computes the compromise of both, ``W ~ H^H (H H^H + a I)^-1``, ``[..., Nt, L]`` with columns of equal power.

    Args:
        rows: ``[..., L, Nt]`` as in :func:`mrt`.
        regularization: a > 0, a number or ``[...]``. Small values tend to zero-forcing, great ones to MRT. Without it
            the number of layers in use, that is layers * noise / power, which is best for layers of equal strength
            (Peel, Hochwald, Swindlehurst, 2005).
    """
    if regularization is None:
        used = (_power(rows).sum(-1) > 0).sum(-1)
        regularization = used.clamp(min=1).to(rows.real.dtype)
    loading = torch.as_tensor(regularization, dtype=rows.real.dtype, device=rows.device)
    eye = torch.eye(rows.shape[-2], dtype=rows.dtype, device=rows.device)
    return _share_power(_inverted(rows, loading[..., None, None] * eye))


@dataclass(frozen=True)
class PrecoderChoice:
    """Holds precoders chosen from codebooks, for leading axes ``...`` (UEs, subbands)."""

    rank: Tensor  # [...] int64 layers (RI)
    index: Tensor  # [...] int64 entry of the codebook of that rank (PMI)
    precoder: Tensor  # [..., Nt, L] zero in columns beyond the rank
    rate: Tensor  # [...] bits per resource element by mutual information behind the LMMSE receiver


def best_entry(channel: Tensor, codebook: Codebook) -> PrecoderChoice:
    """Finds the entry of the greatest ``mean_k sum_l log2(1 + SINR_l)`` behind the LMMSE receiver, by exhaustive
    search.

    Args:
        channel: ``[..., K, Nr, Nt]`` of the PRBs that share a precoder, whitened (:func:`phy.link.receiver.whiten`).
        codebook: on the channel's device and of its complex type.
    """
    best = _all_rates(channel, codebook).max(-1)
    return _chosen(codebook, best.indices, best.values)


def best_report(channel: Tensor, codebook: Codebook) -> PrecoderChoice:
    """Finds the best entries as the standard reports them: one beam (i_1) for the carrier, a co-phasing (i_2) for each
    subband.

    Args:
        channel: ``[..., Sb, K, Nr, Nt]``, Sb subbands of K PRBs (or of some PRBs that stand for them), whitened.
        codebook: as for :func:`best_entry`.

    Returns:
        one choice a subband, ``[..., Sb]``.
    """
    each = _all_rates(channel, codebook).unflatten(-1, (-1, codebook.cophasings))  # [..., Sb, i_1, i_2]
    rate, cophasing = each.max(-1)
    beam = rate.sum(-2, keepdim=True).argmax(-1, keepdim=True).expand(*rate.shape[:-1], 1)
    index = beam * codebook.cophasings + cophasing.gather(-1, beam)
    return _chosen(codebook, index[..., 0], rate.gather(-1, beam)[..., 0])


def best_rank(channel: Tensor, codebooks: Sequence[Codebook]) -> PrecoderChoice:
    """Finds the best entry of several codebooks, usually of ranks 1, 2, ...; ties go to the earlier one.

    Args:
        channel: as for :func:`best_entry`.
        codebooks: of one panel.
    """
    most = max(codebook.rank for codebook in codebooks)
    each = [best_entry(channel, codebook) for codebook in codebooks]
    rate, which = torch.stack([choice.rate for choice in each], -1).max(-1)
    padded = [torch.nn.functional.pad(choice.precoder, (0, most - choice.precoder.shape[-1])) for choice in each]
    pick = which[..., None]
    return PrecoderChoice(
        rank=torch.stack([choice.rank for choice in each], -1).gather(-1, pick)[..., 0],
        index=torch.stack([choice.index for choice in each], -1).gather(-1, pick)[..., 0],
        precoder=torch.take_along_dim(torch.stack(padded, -3), pick[..., None, None], -3).squeeze(-3),
        rate=rate,
    )


def _chosen(codebook: Codebook, index: Tensor, rate: Tensor) -> PrecoderChoice:
    return PrecoderChoice(torch.full_like(index, codebook.rank), index, codebook.entries[index], rate)


def _all_rates(channel: Tensor, codebook: Codebook) -> Tensor:
    return torch.cat([_rates(channel, part) for part in _parts(channel, codebook.entries)], -1)


def _rates(channel: Tensor, entries: Tensor) -> Tensor:
    """Computes the rate of each entry ``[..., Ce]`` from ``[..., K, Nr, Nt]`` and ``[Ce, Nt, L]``."""
    count, ports, layers = entries.shape
    flat = entries.transpose(0, 1).reshape(ports, count * layers)
    arriving = (channel @ flat).unflatten(-1, (count, layers)).movedim(-2, -3)  # [..., K, Ce, Nr, L]
    if layers == 1:
        bits = torch.log2(1.0 + _power(arriving).sum((-2, -1)))
    else:
        bits = -torch.log2(inverse_diagonal(with_noise(_gram(arriving))).clamp(max=1.0)).sum(-1)
    return bits.mean(-2)


def _gram(arriving: Tensor) -> Tensor:
    """Computes ``G^H G``, for two layers without the detour over many small products."""
    if arriving.shape[-1] != 2:
        gram: Tensor = arriving.mH @ arriving
        return gram
    power = _power(arriving).sum(-2).to(arriving.dtype)
    cross = (arriving[..., 0].conj() * arriving[..., 1]).sum(-1)
    flat = torch.stack((power[..., 0], cross, cross.conj(), power[..., 1]), -1)
    return flat.view(*cross.shape, 2, 2)


def _parts(channel: Tensor, entries: Tensor) -> tuple[Tensor, ...]:
    """Splits the codebook into parts that bound the memory of searching it."""
    one = channel.shape[:-1].numel() * entries.shape[-1] * channel.element_size()
    parts: tuple[Tensor, ...] = entries.split(max(1, _ENTRIES_BYTES // max(one, 1)))
    return parts


def _inverted(rows: Tensor, loading: Tensor) -> Tensor:
    inverse: Tensor = torch.linalg.inv_ex(rows @ rows.mH + loading, check_errors=False).inverse
    return rows.mH @ inverse


def _share_power(columns: Tensor) -> Tensor:
    """Scales columns to equal powers of sum 1; those of zeros stay."""
    power = _power(columns).sum(-2, keepdim=True)
    used = power > 0
    share = used.sum(-1, keepdim=True).clamp(min=1) * power
    scale = torch.where(used, share, torch.ones_like(share)).rsqrt()
    return columns * scale


def _power(value: Tensor) -> Tensor:
    return value.real.square() + value.imag.square()


def _check_layers(layers: int, most: int, what: str) -> None:
    if not 1 <= layers <= most:
        raise ValueError(f"{layers} layers were asked for, but {what} carry 1 to {most}; ask for as many")
