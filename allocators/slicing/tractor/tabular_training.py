"""Trains the table by Q-learning on samples: step 0.1, 2000 passes, discount 0.99 (arXiv 2312.07896).

A pass goes through all samples in their order: ``Q += 0.1 (r + 0.99 max Q' - Q)``, where the maximum is over the
actions that are possible in the next state, and the target is cut to [0, 100] as that of the network.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from phy.numerics.jit import Loop, uses_numba

from .dqn_training import DISCOUNT, GREATEST
from .moves import possible_from
from .q_table import QTable, row_of
from .samples import Samples

STEP, PASSES = 0.1, 2000


def train_table(samples: Samples, least: int, passes: int = PASSES) -> QTable:
    """Trains a table that begins with zeros.

    Args:
        samples: real and virtual ones.
        least: RBGs that every slice keeps.
        passes: through all samples.
    """
    trained = QTable.empty()
    rows, inverse = torch.unique(torch.cat([row_of(samples.state), row_of(samples.after)]), return_inverse=True)
    small = np.zeros((len(rows), trained.table.shape[1]))  # the rows that samples have
    state, after = inverse.view(2, -1).numpy()
    reward = samples.reward.to(torch.float64).numpy()
    update = Loop(update_table) if uses_numba() else update_table
    update(small, (state, samples.action.numpy(), reward, after), possible_from(samples.after, least).numpy(), passes)
    trained.table[rows] = torch.from_numpy(small)
    return trained


def update_table(
    table: NDArray[np.float64],
    samples: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]],
    possible: NDArray[np.bool_],
    passes: int,
) -> None:
    """Updates a table in place; the definition of what is compiled.

    Args:
        table: ``[rows, 7]``.
        samples: row, action, reward and next row of each sample.
        possible: ``[samples, 7]`` actions that are possible in the next state.
        passes: through all samples.
    """
    row, action, reward, after = samples
    for _ in range(passes):
        for n in range(len(row)):
            best = -np.inf
            for other in range(table.shape[1]):
                if possible[n, other] and table[after[n], other] > best:
                    best = table[after[n], other]
            target = min(max(reward[n] + DISCOUNT * best, 0.0), GREATEST)
            table[row[n], action[n]] += STEP * (target - table[row[n], action[n]])
