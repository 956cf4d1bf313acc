"""Holds a decision of one slot by PRB and by UE, and what UEs transmit after it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.link.effective_sinr import SinrMapping
from phy.link.receiver import mean_over_layers

from .state import Report


@dataclass(frozen=True)
class Grant:
    """Holds which UE has which PRB. Where UEs share PRBs, an axis Uk stands behind that of the cells."""

    user: Tensor  # [B, C, K] int64, -1 where none
    holder: Tensor  # [B, C * K] int64, U where none
    place: Tensor  # [B, C * K] int64, of (holder, PRB) in a flat [U * K]
    prbs: Tensor  # [B, U]

    def of_holders(self, values: Tensor) -> Tensor:
        """Returns the value ``[B, U]`` of the UE on each PRB, in the shape of ``user``; 0 where there is none."""
        return torch.nn.functional.pad(values, (0, 1)).gather(1, self.holder).view(self.user.shape)

    def per_user(self, values: Tensor) -> Tensor:
        """Computes the sum of values ``[B, C * K]`` over the PRBs of each UE, ``[B, U]``."""
        return sum_per_user(self.holder, values, self.prbs.shape[1])


def sum_per_user(holder: Tensor, values: Tensor, users: int) -> Tensor:
    """Computes the sum of values ``[B, C * K]`` over the PRBs that each UE holds, ``[B, U]``."""
    out = values.new_zeros((len(values), users + 1))
    return out.scatter_add_(1, holder, values)[:, :users]


@dataclass(frozen=True)
class Transmission:
    """Holds what UEs transmit, or receive, in one slot."""

    grant: Grant
    mcs: Tensor  # [B, U] int64, a row of the tables
    sent: Tensor  # [B, U] bool
    activity: Tensor  # like ``grant.user``, 1 where the UE has a block on the PRB
    report: Report  # from which it was decided
    precoder: Tensor | None = None  # of each PRB, where the radio has chosen it for the UEs together

    def effective_sinr(self, mapping: SinrMapping, sinr: Tensor, precoder: Tensor | None = None) -> Tensor:
        """Computes one SINR for the block of each UE from the mean of what its PRBs carry, ``[B, U]``.

        Args:
            mapping: from SINR to what a PRB carries.
            sinr: ``[B, C * K]`` of the UE on each PRB, or ``[B, C * K, L]`` of its layers.
            precoder: ``[B, C * K, Nt, L]`` that says which layers are in use, where there are layers.
        """
        mcs = torch.nn.functional.pad(self.mcs, (0, 1)).gather(1, self.grant.holder)
        if precoder is None:
            carried = mapping.of(sinr, mcs)
        else:
            carried = mean_over_layers(mapping.of(sinr, mcs[..., None]), precoder)
        mean = self.grant.per_user(carried) / self.grant.prbs.clamp(min=1.0)
        return mapping.inverse(mean, self.mcs)
