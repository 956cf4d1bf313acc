"""Checks decisions: shapes, types and devices of their tensors, and values drop by drop.

What all families share; each has its own rules in its ``feasible`` module.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phy.random import Drops

from .contracts import InfeasibleDecision

Place = tuple[int, ...]
"""Indices of one element of a tensor, the row of its drop first."""


def require_tensor(
    value: object, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Returns the value if it is a dense tensor of the given shape, type and device.

    Args:
        value: what an allocator returned.
        name: what errors call it.
        shape: that it must have.
        dtype: that it must have.
        device: it must be of this type.

    Raises:
        InfeasibleDecision: it is not; the text says what was given and what is allowed.
    """
    if not isinstance(value, Tensor):
        raise InfeasibleDecision(f"{name} must be a torch tensor, not {type(value).__name__}")
    if value.layout != torch.strided:
        raise InfeasibleDecision(f"{name} must be a dense tensor, not of layout {value.layout}: use .to_dense()")
    if tuple(value.shape) != shape:
        raise InfeasibleDecision(f"{name} must have shape {list(shape)}, not {list(value.shape)}")
    if value.dtype != dtype:
        raise InfeasibleDecision(f"{name} must have dtype {dtype}, not {value.dtype}: use .to({dtype})")
    if value.device.type != device.type:
        raise InfeasibleDecision(f"{name} must be on {device}, not {value.device}: create it on context.device")
    return value


def raise_where(bad: Tensor, drops: Drops, explain: Callable[[Place], str]) -> None:
    """Raises an error for the first breach, if there is one.

    Args:
        bad: breaches, bool ``[B, ...]``.
        drops: of the batch.
        explain: makes the text of the error from the place of the breach.

    Raises:
        InfeasibleDecision: there is a breach; it names the drop.
    """
    if bool(bad.any()):
        place = first_breach(bad)
        raise InfeasibleDecision(explain(place), drops.ids[place[0]])


def first_breach(bad: Tensor) -> Place:
    """Returns the place of the first true element of a bool tensor ``[B, ...]``, of which one must be true."""
    return tuple(int(i) for i in bad.nonzero()[0])
