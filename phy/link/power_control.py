"""Computes transmit powers of the uplink by fractional power control, and the SINR at base stations."""

from __future__ import annotations

import math
from typing import Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT

ALPHAS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Path loss compensation factors that can be signalled (TS 38.331, ``Alpha``)."""

_K_S = 1.25  # of deltaMCS, TS 38.213 clause 7.1.1


@dataclass(frozen=True, config=STRICT)
class UplinkPowerSettings:
    """Holds the open and closed loop of a UE's power on the PUSCH."""

    # Descriptions stand inside, as settings that inherit from these would lose those below.
    p0_dbm: float = Field(
        default=-80.0,
        ge=-202.0,
        le=24.0,
        description="Power received on a PRB of 180 kHz that full compensation of the path loss aims at.",
    )
    alpha: float = Field(
        default=0.8,
        ge=0.0,
        le=1.0,
        description="Share of the path loss that is compensated: 0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9 or 1.",
    )
    max_power_dbm: float = Field(default=23.0, ge=-40.0, le=35.0, description="Greatest power of the UE (P_CMAX).")
    delta_mcs: bool = Field(
        default=False, description="Raise the power with the bits per resource element (Delta_TF with K_S 1.25)."
    )

    @model_validator(mode="after")
    def _check_alpha(self) -> Self:
        if self.alpha not in ALPHAS:
            allowed = ", ".join(f"{alpha:g}" for alpha in ALPHAS)
            raise ValueError(
                f"alpha is {self.alpha:g}, but it can be signalled as one of {allowed}; choose one of these"
            )
        return self


def transmit_power_dbm(
    settings: UplinkPowerSettings,
    path_loss_db: Tensor,
    prbs: Tensor,
    numerology: int = 0,
    closed_loop_db: Tensor | float = 0.0,
    bits_per_re: Tensor | None = None,
) -> Tensor:
    """Computes the power of each UE in dBm over all its PRBs, -inf for one that has none (TS 38.213 clause 7.1.1).

        P = min(P_CMAX, P_0 + 10 log10(2^mu M) + alpha PL + Delta_TF + f)

    Args:
        settings: power control.
        path_loss_db: ``[...]`` from the serving cell's reference signal: its power less that received, with antennas
            and shadowing, without fast fading.
        prbs: ``[...]`` M, number of PRBs.
        numerology: mu, PRBs of 180 * 2^mu kHz.
        closed_loop_db: ``[...]`` f, the sum of the commands so far.
        bits_per_re: ``[...]`` information bits over resource elements; needed where ``delta_mcs`` is set.

    Raises:
        ValueError: ``delta_mcs`` is set and ``bits_per_re`` is missing.
    """
    width_db = 10.0 * torch.log10(prbs.to(path_loss_db) * 2**numerology)
    wanted = settings.p0_dbm + width_db + settings.alpha * path_loss_db + closed_loop_db
    if settings.delta_mcs:
        if bits_per_re is None:
            raise ValueError("delta_mcs is set, but bits_per_re is missing; give the bits per resource element")
        wanted = wanted + 10.0 * torch.log10(torch.expm1(math.log(2.0) * _K_S * bits_per_re))
    return wanted.clamp_max(settings.max_power_dbm)


def power_headroom_db(settings: UplinkPowerSettings, wanted_dbm: Tensor) -> Tensor:
    """Computes the power headroom ``P_CMAX - P`` with the unlimited power P (TS 38.213 clause 7.7.1); negative where
    limited.
    """
    return settings.max_power_dbm - wanted_dbm


def prb_power(power_dbm: Tensor, prbs: Tensor, reference_dbm: float) -> Tensor:
    """Computes the power of a UE on each of its PRBs over a reference power, linear; 0 for one that has no PRB.

    Args:
        power_dbm: ``[...]`` from :func:`transmit_power_dbm`.
        prbs: ``[...]`` number of PRBs.
        reference_dbm: power to which the links' gains are normalised, see :func:`uplink_sinr`.
    """
    ratio = torch.pow(10.0, (power_dbm - reference_dbm) / 10.0)
    return torch.where(prbs > 0, ratio / prbs.clamp(min=1), torch.zeros_like(ratio))


def uplink_sinr(gain: Tensor, holder: Tensor, power: Tensor) -> Tensor:
    """Computes the SINR at each cell on each PRB of the UE that it scheduled there, linear ``[B, C, K]``; 0 where no UE
    is scheduled.

        gamma[c,k] = p[u_c] g[u_c,c,k] / (1 + sum_{i != c} p[u_i] g[u_i,c,k]),    u_i = holder[i,k]

    Links are reciprocal: ``gain`` is that of the downlink, up to the noise figure and the reference power.

    Args:
        gain: ``[B, U, C, K]`` received over the noise of a PRB at the cell, for the reference power on a PRB; the last
            axis may be 1 where fading is left out.
        holder: ``[B, C, K]`` int64 UE that each PRB of each cell, negative where none does.
        power: ``[B, U]`` of each UE on each of its PRBs, over the reference power.
    """
    received = received_uplink_power(gain, holder, power)
    signal = received.diagonal(dim1=1, dim2=2).movedim(-1, 1)
    own = torch.eye(received.shape[1], dtype=torch.bool, device=received.device)[..., None]
    return signal / (1.0 + received.masked_fill(own, 0.0).sum(2))


def received_uplink_power(gain: Tensor, holder: Tensor, power: Tensor) -> Tensor:
    """Computes the power that cell c receives on PRB k from the UE scheduled by cell i, over noise:
    ``[B, C (c), C (i), K]``.
    """
    batch, _, prbs = holder.shape
    drop = torch.arange(batch, device=holder.device)[:, None, None]
    prb = torch.arange(prbs, device=holder.device) if gain.shape[-1] > 1 else torch.zeros_like(holder[0, 0])
    user = holder.clamp(min=0)
    sent = torch.where(holder >= 0, power[drop, user], torch.zeros_like(power[:1, :1]))
    heard = gain[drop, user, :, prb]  # [B, C (i), K, C (c)]
    return (heard * sent[..., None]).permute(0, 3, 1, 2)
