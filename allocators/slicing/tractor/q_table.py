"""Holds values of actions in a table of all states: (11, 11, 11, 17, 17, 7)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .moves import ACTIONS, MOST_UES, RBGS

SHAPE = (MOST_UES + 1, MOST_UES + 1, MOST_UES + 1, RBGS, RBGS, ACTIONS)


@dataclass(frozen=True)
class QTable:
    """Holds the table, flat over states: row :func:`row_of` a state, a column an action."""

    table: Tensor  # [11 * 11 * 11 * 17 * 17, 7] float64

    @classmethod
    def empty(cls) -> QTable:
        """Makes a table of zeros."""
        rows = 1
        for size in SHAPE[:-1]:
            rows *= size
        return cls(torch.zeros(rows, ACTIONS, dtype=torch.float64))

    def values(self, states: Tensor) -> Tensor:
        """Looks up the value of each action, ``[samples, 7]``, in states int64 ``[samples, 5]``."""
        return self.table[row_of(states)]


def row_of(states: Tensor) -> Tensor:
    """Returns the row of states int64 ``[samples, 5]``; 17 RBGs of one slice count as 16."""
    row = torch.zeros(len(states), dtype=torch.int64, device=states.device)
    for size, column in zip(SHAPE, states.unbind(1), strict=False):
        row = row * size + column.clamp(max=size - 1)
    return row
