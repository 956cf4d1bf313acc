"""The users of each cell side by side: the layout ``[B, C, M]`` in which users of one cell are compared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.scheduling import SchedulingObservation


@dataclass(frozen=True)
class CellLayout:
    """Places of the users in their cells; M is the number of users of the fullest cell, the rest is padding."""

    user: Tensor  # [B, C, M] int64, ascending, padded with U
    index: Tensor  # [B * C * M] int64, row of each place in a flattened [B * U, ...]; padding points at any user
    users: int  # U

    @classmethod
    def of(cls, observation: SchedulingObservation) -> CellLayout:
        """The roster of one slot."""
        user, users = observation.roster, observation.serving.shape[1]
        index = user.clamp_max(users - 1)
        if len(user) > 1:
            index += torch.arange(0, len(user) * users, users, device=user.device)[:, None, None]
        return cls(user, index.view(-1), users)

    def rows(self, values: Tensor) -> Tensor:
        """``[B, U, ...]`` by user to ``[B, C, M, ...]`` by place; what stands in the padding is arbitrary."""
        return values.flatten(0, 1).index_select(0, self.index).view(self.user.shape + values.shape[2:])

    def need(self, observation: SchedulingObservation) -> Tensor:
        """PRBs that each place still wants, ``[B, C, M]``; 0 in the padding."""
        return self.rows(observation.need_prbs).masked_fill_(self.user == self.users, 0)
