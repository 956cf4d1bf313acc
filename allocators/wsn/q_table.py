"""Learns by Q-learning when to be head: one table for all nodes, over charge, distance and rounds since last head."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

CHARGES, DISTANCES, HISTORY, ACTIONS = 8, 4, 4, 2
STATES = CHARGES * DISTANCES * HISTORY
_VERSION = 1


def state_of(relative_charge: Tensor, distance: Tensor, rounds_since: Tensor) -> Tensor:
    """Computes the state of each node, int64.

    Args:
        relative_charge: over the mean of the cluster; bins are 0.8 to 1.2 in steps of 0.4 / 6, and beyond.
        distance: from the sink over the greatest of the field, 0 to 1.
        rounds_since: since it was head, over the number of members; large for one that never was.
    """
    charge = ((relative_charge - 0.8) * (CHARGES - 2) / 0.4 + 1.0).floor().long().clamp(0, CHARGES - 1)
    near = (distance * DISTANCES).long().clamp(0, DISTANCES - 1)
    recent = (rounds_since * 2.0).long().clamp(0, HISTORY - 1)
    return (charge * DISTANCES + near) * HISTORY + recent


@dataclass(frozen=True)
class Transitions:
    """Holds transitions of nodes from one round to the next."""

    state: Tensor  # [transitions] int64
    action: Tensor  # [transitions] int64, 1 for leading
    reward: Tensor  # [transitions]
    after: Tensor  # [transitions] int64, the next state


@dataclass
class QTable:
    """Holds the values of leading and of following in every state."""

    values: Tensor  # [STATES, 2] float64

    @classmethod
    def empty(cls) -> QTable:
        """Makes a table of zeros."""
        return cls(torch.zeros((STATES, ACTIONS), dtype=torch.float64))

    @classmethod
    def load(cls, path: str | Path) -> QTable:
        """Reads a checkpoint of :meth:`save`.

        Raises:
            ValueError: the file is missing or is no checkpoint of this table.
        """
        if not Path(path).is_file():
            raise ValueError(f"there is no checkpoint {path}; name a file, made with: fairwave train")
        try:
            with np.load(path, allow_pickle=False) as file:
                values, version = file["values"].astype(np.float64, casting="same_kind"), int(file["version"])
        except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
            raise ValueError(
                f"{path} is no checkpoint of cluster heads, or a damaged one; make one with: fairwave train"
            ) from None
        if version != _VERSION or values.shape != (STATES, ACTIONS) or not np.isfinite(values).all():
            raise ValueError(
                f"{path} holds a table of version {version} and shape {list(values.shape)}, and this fairwave reads "
                f"version {_VERSION} and [{STATES}, {ACTIONS}]; train it anew with: fairwave train"
            )
        return cls(torch.from_numpy(values))

    def save(self, path: str | Path) -> None:
        """Writes the table as plain arrays (NumPy .npz)."""
        with Path(path).open("wb") as file:
            np.savez(file, values=self.values.cpu().numpy(), version=np.array(_VERSION))

    def advantage(self, state: Tensor) -> Tensor:
        """Computes the value of leading less that of following in each state, of its shape."""
        return (self.values[:, 1] - self.values[:, 0])[state]

    def learn(self, transitions: Transitions, rate: float, discount: float) -> None:
        """Updates the table by ``Q += rate (r + discount max Q' - Q)``, the mean over transitions of each entry.

        Args:
            transitions: of one round.
            rate: learning rate.
            discount: of a round.
        """
        target = transitions.reward + discount * self.values[transitions.after].amax(-1)
        entry = transitions.state * ACTIONS + transitions.action
        count = torch.zeros(STATES * ACTIONS, dtype=torch.float64).scatter_add_(0, entry, torch.ones_like(target))
        total = torch.zeros(STATES * ACTIONS, dtype=torch.float64).scatter_add_(0, entry, target)
        flat = self.values.view(-1)
        mean = total / count.clamp(min=1.0)
        flat += torch.where(count > 0, rate * (mean - flat), torch.zeros_like(flat))
