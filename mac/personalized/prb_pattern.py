"""Gives PRBs to UEs slot by slot, so that each has its mean number over an interval.

The UEs of a cell lie one after the other on a line of K, each as long as its mean number of PRBs. In slot t, PRB k
belongs to the UE at (k + t phi K + 1/2) mod K with phi the golden section. A UE whose mean is a whole number has
neighbouring PRBs that wander over the carrier; fractions are dealt out evenly, as the multiples of phi are spread
evenly (over T slots the number differs from T times the mean by O(log T)). Ours: it spreads a UE over the carrier, and
uses no knowledge of the channel within the carrier.

B drops, U UEs, C cells, K PRBs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_ROUNDING = 1e-9  # of a PRB


def line_ends(prbs: Tensor, serving: Tensor, cells: int) -> Tensor:
    """Computes the place on the line of its cell where each UE ends, float64 ``[B, C, U]``; UEs of other cells have no
    length.

    Args:
        prbs: mean PRBs of each UE, ``[B, U]``.
        serving: its cell, int64 ``[B, U]``.
        cells: C.
    """
    here = serving[:, None] == torch.arange(cells, device=serving.device)[:, None]
    return torch.where(here, prbs[:, None], 0.0).cumsum(-1)


def prb_holders(ends: Tensor, prbs: int, slot: int) -> Tensor:
    """Computes the UE that holds each PRB in a slot, int64 ``[B, C, K]``; -1 where none does.

    Args:
        ends: of :func:`line_ends`.
        prbs: K.
        slot: t, from 0 on.
    """
    number = torch.arange(prbs, dtype=torch.float64, device=ends.device)
    place = torch.remainder(number + 0.5 + (slot * _GOLDEN % 1.0) * prbs, prbs)
    batch, cells, users = ends.shape
    on_line = place.expand(batch, cells, prbs).contiguous()
    holder = torch.searchsorted(ends + _ROUNDING, on_line, right=False)
    return torch.where(holder < users, holder, -1)
