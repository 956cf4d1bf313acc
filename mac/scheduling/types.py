"""What a scheduler sees every slot and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from phy.random import Drops


@dataclass(frozen=True)
class SchedulingContext:
    """What stays the same over a run, given to ``reset``."""

    drops: Drops
    users: int
    cells: int
    prbs: int
    slices: int  # 1 where the carrier is not sliced
    slot_s: float
    saturated: bool  # every user always has data, so no need is ever met
    device: torch.device
    dtype: torch.dtype
    users_per_prb: int = 1  # users of a cell that may share a PRB (mimo.users_per_prb)
    bits_of_sinr: Tensor | None = (
        None  # [phy.numerics.log_grid.SIZE] bits of a PRB at a SINR, by phy.numerics.log_grid.index; where PRBs
    )
    # may be shared


@dataclass(frozen=True)
class SchedulingObservation:
    """What a base station knows at the start of a slot: reports (delayed, quantised) and its own queues."""

    slot: int
    serving: Tensor  # [B, U] int64, serving cell
    slice_id: Tensor  # [B, U] int64, slice of the user
    roster: Tensor  # [B, C, M] int64, users of each cell in ascending order, padded with U. M is of the
    # fullest cell of the whole batch: whoever takes turns does so among the users that a cell has, not modulo M.
    rate_bits: Tensor  # [B, U, K] bits that a PRB would carry in this slot at the reported CQI; 0 out of range
    mean_rate_bits: Tensor  # [B, U] its mean over the carrier
    backlog_bits: Tensor  # [B, U] bits waiting for a first transmission
    need_prbs: Tensor  # [B, U] PRBs that would empty the queue or repeat the lost block; 0 where nothing can be sent.
    # On an uplink no more than a user's power is worth spreading over.
    retransmits: Tensor  # [B, U] bool, a lost block is due for repetition
    served_bits: Tensor  # [B, U] bits acknowledged in the last slot
    delay_budget_s: Tensor  # [B, U] packet delay budget, inf where the user has none
    owned: Tensor | None  # [B, U, K] bool, PRBs of the user's slice in its cell; None: all of them
    borrowable: Tensor | None  # [B, U, K] bool, PRBs of other slices, his if their owners leave them idle; None: none
    head_of_line: Callable[[], Tensor]  # computes head_of_line_s on demand
    sinr: Tensor | None = None  # [B, U, K] reported SINR of each PRB sent to this user alone, linear; None unless PRBs
    # may be shared
    alike: Callable[[], Tensor] | None = None  # computes similarity on demand
    most_prbs: Tensor | None = None  # [B, C, S] int64, PRBs that the users of a slice may hold in a cell, borrowed ones
    # included; never fewer than it owns. None: no limit

    @cached_property
    def head_of_line_s(self) -> Tensor:
        """Age of the oldest waiting byte, [B, U] in seconds, 0 where the queue is empty."""
        return self.head_of_line()

    @cached_property
    def channel_similarity(self) -> Tensor:
        """Squared correlation of the reported directions of users of one cell, ``[B, U, U]``, a mean over the carrier.

        From 0 (a precoder can part them at no loss) to 1 (it cannot, and each with himself); 0 between cells.

        Raises:
            ValueError: PRBs have one user each in this run.
        """
        if self.alike is None:
            raise ValueError("similarity is known where context.users_per_prb is greater than 1")
        return self.alike()


@dataclass(frozen=True)
class SchedulingDecision:
    """Which user holds each PRB of each cell, and who shares it with him."""

    user: Tensor  # [B, C, K] int64, -1 for nobody
    partners: Tensor | None = None  # [B, C, K, users_per_prb - 1] int64, further users of the same cell and slice, -1
    # for nobody; None: every PRB has one user
