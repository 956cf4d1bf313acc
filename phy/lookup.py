"""Reading of tables whose last axis is the log grid: one gather, no transcendental function."""

from __future__ import annotations

import torch
from torch import Tensor

from . import loggrid


def gather(table: Tensor, row: Tensor, power: Tensor) -> Tensor:
    """Value of ``table[row]`` at each power, in the shape and dtype of ``power``.

    Args:
        table: ``[R, loggrid.SIZE]``, contiguous.
        row: integers in ``[0, R)``, of a shape that broadcasts to that of ``power``.
        power: non-negative, linear.
    """
    index = loggrid.index(power) + row.to(torch.int32) * loggrid.SIZE
    return table.view(-1).index_select(0, index.reshape(-1)).view(power.shape).to(power.dtype)
