"""What a slice controller sees at each report and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from phy.random import Drops

Service = Literal["embb", "urllc", "mmtc"]


@dataclass(frozen=True)
class SlicingContext:
    """What stays the same over a run, given to ``reset``."""

    drops: Drops
    cells: int
    slices: tuple[str, ...]  # names, in the order of the last axis of every [B, C, S]
    services: tuple[Service, ...]  # kind of service of each slice
    prbs: int
    rbg_prbs: int  # PRBs of an RBG; the last one may be smaller
    rbgs: int
    min_rbg: int  # RBGs that every slice keeps
    interval_s: float
    slot_s: float
    device: torch.device
    dtype: torch.dtype
    lent: bool = False  # PRBs that a slice does not need go to others, slot by slot; otherwise they stay idle


@dataclass(frozen=True)
class SlicingObservation:
    """Reports of the last interval, per cell and slice. Before the first interval all sums are zero."""

    interval: int
    users: Tensor  # [B, C, S] attached users
    rbg: Tensor  # [B, C, S] int64, quota now in force
    backlog_bits: Tensor  # [B, C, S] waiting at the end of the interval
    arrived_bits: Tensor  # [B, C, S] during the interval
    served_bits: Tensor  # [B, C, S] during the interval
    requested_prbs: Tensor  # [B, C, S] sum over the interval's slots
    granted_prbs: Tensor  # [B, C, S] sum over the interval's slots
    bits_per_prb: Tensor  # [B, C, S] mean reported rate of the slice's users per PRB and slot; 0 without users


@dataclass(frozen=True)
class SlicingDecision:
    """RBGs of each slice in each cell, for the next interval, and the limits of lending where PRBs are lent."""

    rbg: Tensor  # [B, C, S] int64, each >= min_rbg, sum over S <= rbgs
    most_rbg: Tensor | None = None  # [B, C, S] int64, rbg to rbgs: in no slot does a slice hold more PRBs than so many
    # RBGs have, borrowed ones included; None: no limit
    kept_rbg: Tensor | None = None  # [B, C, S] int64, 0 to rbg: of its own RBGs the first ones, which are never lent;
    # None: all may be
