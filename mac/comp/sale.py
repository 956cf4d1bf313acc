"""Computes whole PRBs from shares, and which PRBs of a cell these are.

B drops, U UEs, C cells, J cells that a UE hears, K PRBs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..market import Market

_ROUNDING = 1e-6


def whole_prbs(market: Market, quantity: Tensor) -> Tensor:
    """Rounds shares to whole PRBs by largest remainders, int64 ``[B, U, J]``; ties go to the lower UE.

    A cell sells as many whole PRBs as fit into what it has sold in shares.

    Args:
        market: of the sellers.
        quantity: ``[B, U, J]`` PRBs, not whole.
    """
    base = (quantity + _ROUNDING).floor()
    rest = (quantity - base).clamp(min=0.0)
    left = (market.at_cells(quantity) + _ROUNDING).floor() - market.at_cells(base)
    more = (_rank_in_cell(market.cells.flatten(1), rest.flatten(1)).view_as(rest) < market.at_links(left)) & (rest > 0)
    return (base + more).long()


def sold_map(prbs: Tensor, cells: Tensor, count: int, carrier: int, offset: Tensor) -> Tensor:
    """Assigns PRBs of each cell in the order of UEs, int64 ``[B, C, K]``; -1 where a PRB is not sold.

    Args:
        prbs: int64 ``[B, U, J]`` whole PRBs.
        cells: int64 ``[B, U, J]`` of which cell.
        count: number of cells.
        carrier: number of PRBs.
        offset: int64 ``[C]`` first PRB that each cell deals out; the carrier's end is followed by its start.
    """
    batch, users, _ = prbs.shape
    of_cell = prbs.new_zeros((batch, users, count)).scatter_add_(2, cells, prbs)
    end = of_cell.transpose(1, 2).cumsum(-1)  # [B, C, U]
    place = (torch.arange(carrier, device=prbs.device) - offset[:, None]) % carrier  # [C, K]
    owner = torch.searchsorted(end.contiguous(), place.expand(batch, -1, -1).contiguous(), right=True)
    return torch.where(owner < users, owner, -1)


def first_prbs(cells: int, sold: int, carrier: int, aligned: bool, device: torch.device) -> Tensor:
    """Returns the first PRB that each cell deals out, int64 ``[C]``.

    All cells begin with the same one where they act together on a PRB. Otherwise neighbours by number begin apart, so
    that a UE rarely has one PRB of two cells, which is worth one of them.
    """
    number = torch.arange(cells, device=device)
    return torch.zeros_like(number) if aligned else (number * sold) % carrier


def _rank_in_cell(cell: Tensor, value: Tensor) -> Tensor:
    """Ranks the values of each cell from the greatest on, ``[B, links]``; ties in the order of places."""
    by_value = value.sort(dim=-1, descending=True, stable=True).indices
    by_cell = cell.gather(1, by_value).sort(dim=-1, stable=True)
    order = by_value.gather(1, by_cell.indices)
    start = torch.searchsorted(by_cell.values, by_cell.values)
    rank = torch.arange(cell.shape[1], device=cell.device) - start
    return torch.empty_like(order).scatter_(1, order, rank.expand_as(order))
