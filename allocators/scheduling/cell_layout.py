"""Arranges values of UEs by cell: the layout ``[B, C, M]``, in which UEs of one cell are compared.

B drops, C cells, U UEs; M places of a cell, as many as the fullest cell of the batch has UEs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.scheduling import SchedulingObservation


@dataclass(frozen=True)
class CellLayout:
    """Holds the UE at each place of each cell; places beyond the UEs of a cell are padding."""

    user: Tensor  # [B, C, M] int64, ascending, padded with U
    index: Tensor  # [B * C * M] int64, row of each place in a flattened [B * U, ...]; padding points at any UE
    users: int  # U

    @classmethod
    def of(cls, observation: SchedulingObservation) -> CellLayout:
        """Makes the layout of one slot."""
        user, users = observation.roster, observation.serving.shape[1]
        index = user.clamp_max(users - 1)
        if len(user) > 1:
            index += torch.arange(0, len(user) * users, users, device=user.device)[:, None, None]
        return cls(user, index.view(-1), users)

    def by_place(self, values: Tensor) -> Tensor:
        """Arranges values by UE ``[B, U, ...]`` by place ``[B, C, M, ...]``; those of the padding are arbitrary."""
        return values.flatten(0, 1).index_select(0, self.index).view(self.user.shape + values.shape[2:])

    def need(self, observation: SchedulingObservation) -> Tensor:
        """Returns the PRBs that each place still needs, ``[B, C, M]``; 0 in the padding."""
        return self.by_place(observation.need_prbs).masked_fill_(self.user == self.users, 0)
