"""Computes whole RBGs in proportion to weights, between a least and a greatest number (Hamilton apportionment).

Everything is elementwise or a sum in a fixed order over the slices S, in float64, so a drop gets the same result alone
and in any batch.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from mac.slicing import SlicingContext
from mac.slicing.settings import require_least_quotas

_TINY = 1e-9  # weight, next to the greatest, of slices with none: these get what the others cannot take
_EXACT = 1e-9  # a share this close below a whole number is that number


def require_room(context: SlicingContext) -> None:
    """Refuses a carrier on which the least quotas of the slices do not fit.

    Raises:
        ValueError: ``rbgs < slices * min_rbg``.
    """
    require_least_quotas(len(context.slices), context.min_rbg, context.rbgs)


def apportion(weights: Tensor, rbgs: int, least: Tensor | int, most: Tensor | int | None = None) -> Tensor:
    """Computes whole numbers x that add up to ``rbgs``, in proportion to the weights, with ``least <= x <= most``.

    The real solution is ``x = clamp(level * weight, least, most)`` with the level at which it adds up; rounding is by
    largest remainder (Hamilton), ties to the first slice. A greater weight never gets fewer, and raising a slice's
    own weight never costs it an RBG. Where all weights are zero, all count alike. Slices without weight get more than
    their least only when all others have their most.

    Args:
        weights: ``[..., S]``, not negative.
        rbgs: RBGs to share out.
        least: whole numbers, broadcast to ``[..., S]``, whose sum must not exceed ``rbgs``.
        most: whole numbers no smaller than ``least``; where they add up to less than ``rbgs``, so does x.

    Returns:
        int64 ``[..., S]``.
    """
    weights = weights.to(torch.float64)
    low = torch.as_tensor(least, dtype=torch.float64, device=weights.device).expand(weights.shape)
    high = torch.full_like(weights, rbgs) if most is None else torch.as_tensor(most).to(low).expand(weights.shape)
    total = total_of(high).clamp(max=rbgs)
    exact = _level(_positive(weights), total, low, high)
    return _round(exact, total)


def total_of(values: Tensor) -> Tensor:
    """Sums over the slices from first to last, ``[..., 1]`` from ``[..., S]``, bit-equal for any batch."""
    return reduce(torch.add, values.unbind(-1))[..., None]


def _positive(weights: Tensor) -> Tensor:
    greatest = weights.amax(-1, keepdim=True)
    scaled = weights / greatest.clamp(min=torch.finfo(torch.float64).tiny)
    return torch.where(greatest > 0, scaled, 1.0).clamp(min=_TINY)


def _level(weights: Tensor, total: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Computes ``clamp(level * weights, low, high)`` with the level at which it adds up to ``total``.

    The sum rises with the level and bends where a slice leaves its least or reaches its most. The last bend at which
    it does not exceed the total tells which slices are in between, and these share what the others leave.
    """
    bends = torch.cat([torch.zeros_like(low[..., :1]), low / weights, high / weights], -1)
    sums = total_of((bends[..., None] * weights[..., None, :]).clamp(low[..., None, :], high[..., None, :]))[..., 0]
    bend = torch.where(sums <= total + _EXACT, bends, 0.0).amax(-1, keepdim=True)
    at_least, at_most = low / weights > bend, high / weights <= bend
    between = ~(at_least | at_most)
    fixed = torch.where(at_least, low, torch.where(at_most, high, 0.0))
    shared = total_of(torch.where(between, weights, 0.0))
    level = (total - total_of(fixed)) / torch.where(shared > 0, shared, 1.0)
    return torch.where(between, (level * weights).clamp(low, high), fixed)


def _round(exact: Tensor, total: Tensor) -> Tensor:
    """Rounds by largest remainder: the floors, and one more for the greatest fractions until the total is reached."""
    whole = (exact + _EXACT).floor()
    left = (total - total_of(whole)).round()
    order = (exact - whole).argsort(stable=True, dim=-1, descending=True)
    place = order.argsort(-1)  # place of each slice in that order
    return (whole + (place < left)).to(torch.int64)
