"""Declares what an allocator of personalised allocation is given at ``reset``, observes in each interval, and decides.

B drops, U UEs, C cells, K PRBs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from .zone import Shape, Zones


@dataclass(frozen=True)
class PersonalizedContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    users: int
    cells: int
    prbs: int  # PRBs of a cell
    interval_s: float
    slot_s: float
    shape: Shape  # of satisfaction between the ends of the zone
    target: float  # satisfaction that every UE should reach
    device: torch.device


@dataclass(frozen=True)
class PersonalizedObservation:
    """Holds what the network observes before an interval."""

    interval: int
    serving: Tensor  # [B, U] int64, cell that serves each UE
    bps_per_prb: Tensor  # [B, U] float64, rate of a UE that holds one PRB in every slot, as expected
    zones: Zones  # as declared, as predicted, or the true ones, as the scenario says
    traits: Tensor  # [B, U, traits] float64, from 0 to 1
    satisfaction: Tensor  # [B, U] float64, that each UE reported of the last interval; 0 before the first
    rate_bps: Tensor  # [B, U] float64, served in the last interval


@dataclass(frozen=True)
class PersonalizedDecision:
    """Holds the PRBs of each UE for the next interval."""

    prbs: Tensor  # [B, U] float64, mean PRBs of a slot, 0 or more; their sum over the UEs of a cell is at most K

    def promised_bps(self, seen: PersonalizedObservation) -> Tensor:
        """Computes the rate that these PRBs carry if what is expected of a PRB holds, ``[B, U]``."""
        return self.prbs * seen.bps_per_prb
