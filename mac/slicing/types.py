"""Declares what a slice controller is given at ``reset``, observes at each report, and decides.

B drops, C cells, S slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from ..carrier import CarrierSettings
from .settings import Service, SliceRules


@dataclass(frozen=True)
class SlicingContext:
    """Holds what stays the same over a run; given to ``reset``."""

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

    @classmethod
    def of(
        cls,
        settings: SliceRules,
        carrier: CarrierSettings,
        drops: Drops,
        cells: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> SlicingContext:
        """Builds the context of a carrier with these slices.

        Raises:
            ValueError: the least quotas of the slices do not fit.
        """
        return cls(
            drops=drops,
            cells=cells,
            slices=settings.names,
            services=tuple(one.service for one in settings.slices),
            prbs=carrier.prbs,
            rbg_prbs=settings.rbg_prbs,
            rbgs=settings.rbgs(carrier.prbs),
            min_rbg=settings.min_rbg,
            interval_s=settings.interval_s,
            slot_s=carrier.slot_s,
            device=device,
            dtype=dtype,
            lent=settings.lends,
        )


UE_REPORTS = (
    "cell", "slice", "backlog_bits", "arrived_bits", "served_bits", "requested_prbs", "granted_prbs", "bits_per_prb",
)  # fmt: skip
"""Columns of :attr:`SlicingObservation.ue_reports`; those of the slices are their sums, of the last one the mean."""


@dataclass(frozen=True)
class SlicingObservation:
    """Holds the reports of the last interval, per cell and slice. Before the first interval all sums are zero."""

    interval: int
    users: Tensor  # [B, C, S] attached UEs
    rbg: Tensor  # [B, C, S] int64, quota now in force
    backlog_bits: Tensor  # [B, C, S] waiting at the end of the interval
    arrived_bits: Tensor  # [B, C, S] during the interval
    served_bits: Tensor  # [B, C, S] during the interval
    requested_prbs: Tensor  # [B, C, S] sum over the interval's slots
    granted_prbs: Tensor  # [B, C, S] sum over the interval's slots
    bits_per_prb: Tensor  # [B, C, S] mean reported rate of the slice's UEs per PRB and slot; 0 without UEs
    ue_reports: Tensor | None = None  # [B, U, 8] float64, what each UE reported, by UE_REPORTS; None: not told


@dataclass(frozen=True)
class SlicingDecision:
    """Holds the RBGs of each slice in each cell for the next interval, and the limits of lending."""

    rbg: Tensor  # [B, C, S] int64, each >= min_rbg, sum over S <= rbgs
    most_rbg: Tensor | None = None  # [B, C, S] int64, rbg to rbgs: in no slot does a slice hold more PRBs than so many
    # RBGs have, borrowed ones included; None: no limit
    kept_rbg: Tensor | None = None  # [B, C, S] int64, 0 to rbg: of its own RBGs the first ones, which are never lent;
    # None: all may be
