"""Provides a grid of powers on which tables are read by one gather.

A positive float32 holds its base-2 logarithm in its upper bits. Shifting the bits right leaves the exponent and the
first bits of the mantissa: 64 steps an octave, 0.03 to 0.07 dB each. No logarithm is computed, so the index is the
same on every device and for every batch size.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEPS_PER_OCTAVE = 64
OCTAVE_LOW, OCTAVE_HIGH = -10, 18  # -30.1 dB to 54.2 dB
SIZE = (OCTAVE_HIGH - OCTAVE_LOW) * STEPS_PER_OCTAVE
SHIFT = 23 - 6
BASE = (127 + OCTAVE_LOW) * STEPS_PER_OCTAVE


def index(power: Tensor) -> Tensor:
    """Finds the bin of each linear power, at least 0, int32 in ``[0, SIZE)``; the end bins hold those off the grid."""
    bits = power.to(torch.float32).view(torch.int32) >> SHIFT
    return (bits - BASE).clamp_(0, SIZE - 1)


def edges() -> Tensor:
    """Computes the lower edge of each bin and the upper edge of the last, linear, float64 ``[SIZE + 1]``."""
    step = torch.arange(SIZE + 1, dtype=torch.float64)
    octave = torch.floor(step / STEPS_PER_OCTAVE)
    mantissa = 1.0 + (step - octave * STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE
    return mantissa * torch.exp2(octave + OCTAVE_LOW)


def centres() -> Tensor:
    """Computes the middle of each bin, linear, float64 ``[SIZE]``: where a table's values are to be computed."""
    edge = edges()
    return 0.5 * (edge[1:] + edge[:-1])


def gather(table: Tensor, row: Tensor, power: Tensor) -> Tensor:
    """Reads the value of ``table[row]`` at each power, in the shape and dtype of ``power``.

    Args:
        table: ``[curves, SIZE]``, contiguous.
        row: integers in ``[0, R)``, of a shape that broadcasts to that of ``power``.
        power: non-negative, linear.
    """
    flat = index(power) + row.to(torch.int32) * SIZE
    return table.view(-1).index_select(0, flat.reshape(-1)).view(power.shape).to(power.dtype)
