"""Chooses the links that fade, an approximation for large networks that is off where nothing is set.

Of a UE's many interferers a few carry nearly all of the interference. These fade, and so does the own cell; the
others are heard at their mean power, on the PRBs that they use. What is lost is the fading of many weak powers that add
up, and so nearly average out by themselves. The error is measured in docs/models/channel-calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DominantLinks:
    """Holds the links of each UE that fade, and the mean power of the others."""

    cell: Tensor  # [B, U, J] int64, the own cell, then the strongest others, the strongest first
    rest_snr: Tensor  # [B, U, C] mean SNR of the cells that are not among them; 0 for those that are

    def to(self, device: torch.device, dtype: torch.dtype) -> DominantLinks:
        """Moves the links to another device."""
        return DominantLinks(self.cell.to(device), self.rest_snr.to(device, dtype))

    def interference(self, activity: Tensor) -> Tensor:
        """Computes the power of the cells that do not fade on every PRB, ``[B, U, K]``; a drop as in every batch.

        Args:
            activity: ``[B, C, K]``.
        """
        return torch.bmm(self.rest_snr, activity)


def strongest_cells(mean_snr: Tensor, serving: Tensor, count: int) -> Tensor:
    """Computes the cells that each UE receives best, its own first; ties go to the lowest cell.

    Args:
        mean_snr: ``[B, U, C]`` mean over fading.
        serving: ``[B, U]`` int64.
        count: how many cells, the own one among them; where there are fewer, all of them.

    Returns:
        int64 ``[B, U, min(count, C)]``.
    """
    own_first = mean_snr.scatter(-1, serving[..., None], float("inf"))
    order = own_first.sort(dim=-1, descending=True, stable=True).indices
    return order[..., :count].contiguous()


def dominant_links(mean_snr: Tensor, serving: Tensor, interferers: int) -> DominantLinks:
    """Chooses the links of each UE that fade: to its own cell and to the strongest others.

    Args:
        mean_snr: ``[B, U, C]`` mean over fading.
        serving: ``[B, U]`` int64.
        interferers: number of other cells, less than C.
    """
    cell = strongest_cells(mean_snr, serving, interferers + 1)
    return DominantLinks(cell, mean_snr.scatter(-1, cell, 0.0))


def stack_dominant_links(parts: Sequence[DominantLinks]) -> DominantLinks:
    """Stacks links to one batch, drop after drop."""
    return DominantLinks(torch.cat([part.cell for part in parts]), torch.cat([part.rest_snr for part in parts]))
