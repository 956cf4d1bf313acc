"""Computes the SINR of UEs at base stations with panels, one UE a PRB in one layer.

Channels are reciprocal: where the downlink has the matrix H ``[Nr, Nt]`` from the ports of a cell to those of a UE, a
UE that sends from its first port arrives at the ports of the cell as the vector h, the first row of H. On PRB k, where
UE ``u_i`` sends with power ``p_i`` in cell i, cell c receives, over the noise of a port,

    y_c = sqrt(p_c) h[u_c,c] x_c + (interference and noise of covariance R_c),
    R_c = I + sum_{i != c} p_i h[u_i,c] h[u_i,c]^H.

UEs whose vector at the cell is not known add their mean power in all directions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .receiver import Receiver, lmmse_sinr, mrc_sinr


def disturbance_covariance(vectors: Tensor, cell: Tensor, rest_snr: Tensor, power: Tensor) -> Tensor:
    """Computes the covariance of interference and noise at every cell and PRB, ``[C, K, Nt, Nt]`` complex.

    Args:
        vectors: ``[C, K, J, Nt]`` from the UE on each PRB of each cell to the J cells that it knows, its own first.
        cell: int64 ``[C, K, J]``, which cells these are.
        rest_snr: ``[C, K, C]`` mean power of that UE at the cells that are not among them, else 0.
        power: ``[C, K]`` of the UE, 0 where none sends.
    """
    cells, prbs, _, ports = vectors.shape
    arriving = (vectors * power.sqrt()[..., None, None])[:, :, 1:]
    outer = arriving[..., :, None] * arriving[..., None, :].conj()
    place = cell[:, :, 1:] * prbs + torch.arange(prbs, device=cell.device)[:, None]
    loud = outer.new_zeros((cells * prbs, ports, ports)).index_add_(0, place.flatten(), outer.flatten(0, 2))
    white = 1.0 + (rest_snr * power[..., None]).sum(0).T
    return loud.view(cells, prbs, ports, ports) + white[..., None, None] * torch.eye(
        ports, dtype=vectors.dtype, device=vectors.device
    )


def received_sinr(vectors: Tensor, power: Tensor, covariance: Tensor, receiver: Receiver) -> Tensor:
    """Computes the SINR behind a linear receiver, of the shape of ``power``.

        LMMSE: p h^H R^-1 h,    MRC: p |h|^4 / (h^H R h)

    Args:
        vectors: ``[..., Nt]``.
        power: ``[...]``.
        covariance: ``[..., Nt, Nt]`` of interference and noise.
        receiver: which of them.
    """
    combine = lmmse_sinr if receiver == "lmmse" else mrc_sinr
    return combine(vectors[..., None] * power.sqrt()[..., None, None], covariance)[..., 0]
