"""Declares what a scheduler is given at ``reset``, observes in each slot, and decides.

B drops, U UEs, C cells, K PRBs, S slices; M places of a cell, as many as the fullest cell of the batch has UEs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from phy.random import Drops


@dataclass(frozen=True)
class SchedulingContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    users: int
    cells: int
    prbs: int
    slices: int  # 1 where the carrier is not sliced
    slot_s: float
    saturated: bool  # every UE always has data, so no need is ever met
    device: torch.device
    dtype: torch.dtype
    users_per_prb: int = 1  # UEs of a cell that may share a PRB (mimo.users_per_prb)
    bits_of_sinr: Tensor | None = None  # [log_grid.SIZE] bits of a PRB at a SINR, by phy.numerics.log_grid.index; None
    # unless PRBs may be shared


@dataclass(frozen=True)
class SchedulingObservation:
    """Holds what a base station knows at the start of a slot: reports (delayed, quantised) and its own queues."""

    slot: int
    serving: Tensor  # [B, U] int64, serving cell
    slice_id: Tensor  # [B, U] int64, slice of the UE
    roster: Tensor  # [B, C, M] int64, UEs of each cell in ascending order, padded with U. M is of the fullest cell of
    # the whole batch: turns go round the UEs that a cell has, not modulo M.
    rate_bits: Tensor  # [B, U, K] bits that a PRB would carry in this slot at the reported CQI; 0 out of range
    mean_rate_bits: Tensor  # [B, U] its mean over the carrier
    backlog_bits: Tensor  # [B, U] bits waiting for a first transmission
    need_prbs: Tensor  # [B, U] PRBs that would empty the queue or repeat the lost block; 0 where nothing can be sent.
    # On an uplink no more than a UE's power is worth spreading over.
    retransmits: Tensor  # [B, U] bool, a lost block is due for repetition
    served_bits: Tensor  # [B, U] bits acknowledged in the last slot
    delay_budget_s: Tensor  # [B, U] packet delay budget, inf where the UE has none
    owned: Tensor | None  # [B, U, K] bool, PRBs of the UE's slice in its cell; None: all of them
    borrowable: Tensor | None  # [B, U, K] bool, PRBs of other slices that the UE may hold while idle; None: none
    head_of_line: Callable[[], Tensor]  # computes head_of_line_s on demand
    sinr: Tensor | None = None  # [B, U, K] reported SINR of each PRB sent to this UE alone, linear; None unless PRBs
    # may be shared
    similarity_of: Callable[[], Tensor] | None = None  # computes similarity on demand
    most_prbs: Tensor | None = None  # [B, C, S] int64, PRBs that the UEs of a slice may hold in a cell, borrowed ones
    # included; never fewer than it owns. None: no limit

    @cached_property
    def head_of_line_s(self) -> Tensor:
        """Returns the age of the oldest waiting byte, ``[B, U]`` in seconds, 0 where the queue is empty."""
        return self.head_of_line()

    @cached_property
    def similarity(self) -> Tensor:
        """Returns the squared correlation of the reported directions of UEs of one cell, ``[B, U, U]``.

        It is a mean over the carrier, from 0 (a precoder can separate them without loss) to 1 (it cannot; each UE with
        itself); 0 between cells.

        Raises:
            ValueError: PRBs have one UE each in this run.
        """
        if self.similarity_of is None:
            raise ValueError("similarity is known where context.users_per_prb is greater than 1")
        return self.similarity_of()


@dataclass(frozen=True)
class SchedulingDecision:
    """Holds the UE of each PRB of each cell, and the UEs that share it."""

    user: Tensor  # [B, C, K] int64, -1 for no UE
    partners: Tensor | None = None  # [B, C, K, users_per_prb - 1] int64, further UEs of the same cell and slice, -1
    # for no UE; None: every PRB has one UE
