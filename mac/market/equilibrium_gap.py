"""Computes certificates of an allocation: its gap to the market equilibrium, gains of deviations, envy.

The market equilibrium with supply s and reserve prices r maximises, over x and over what each UE keeps (delta, only
with quasi-linear utility), sum_i (B_i log u_i - delta_i) + sum_j r_j (s_j - sum_i x_ij). Every price vector p >= r
bounds it from above by sum_j p_j s_j + sum_i (B_i log(B_i / c_i(p)) - B_i), where c_i is the cost of a unit of utility.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .types import Market
from .utility import TINY, degree_one, log_unit_cost, take_part


def equilibrium_gap(market: Market, quantity: Tensor, spend: Tensor, prices: Tensor) -> Tensor:
    """Computes an upper bound of how far the objective is below its maximum, over the sum of budgets, ``[B]``.

    Where all budgets are spent and the market clears it is the mean over the UEs, weighted by budgets, of the logarithm
    of what each could have at these prices over what it has.

    Args:
        market: the markets.
        quantity: units bought, ``[B, U, J]``.
        spend: money paid, ``[B, U, J]``.
        prices: any prices of at least the reserve, ``[B, C]``; the equilibrium's give the exact gap.
    """
    bound = dual_objective(market, prices) - primal_objective(market, quantity, spend)
    budgets = torch.where(take_part(market), market.budgets, 0.0).sum(-1)
    return torch.where(budgets > 0, bound / budgets.clamp(min=TINY), 0.0)


def primal_objective(market: Market, quantity: Tensor, spend: Tensor) -> Tensor:
    """Computes sum_i (B_i log u_i - delta_i) + sum_j r_j (s_j - sum_i x_ij), ``[B]``."""
    active = take_part(market)
    worth = market.budgets * degree_one(market, quantity, spend).clamp(min=TINY).log()
    if market.utility.keeps_money:
        worth = worth - (market.budgets - spend.sum(-1))
    unsold = market.supply - market.at_cells(quantity)
    found: Tensor = torch.where(active, worth, 0.0).sum(-1) + (market.reserve * unsold).sum(-1)
    return found


def dual_objective(market: Market, prices: Tensor) -> Tensor:
    """Computes sum_j p_j s_j + sum_i (B_i log(B_i / c_i) - B_i), ``[B]``."""
    active = take_part(market)
    budgets = market.budgets
    cost = torch.where(active, log_unit_cost(market, prices), 0.0)
    worth = budgets * (budgets.clamp(min=TINY).log() - cost) - budgets
    found: Tensor = torch.where(active, worth, 0.0).sum(-1) + (prices * market.supply).sum(-1)
    return found


def price_taking_gain(market: Market, quantity: Tensor, spend: Tensor, prices: Tensor) -> Tensor:
    """Computes by what part the best UE could raise its utility if it bought anew at these prices, ``[B]``.

    Args:
        market: the markets.
        quantity: units bought, ``[B, U, J]``.
        spend: money paid, ``[B, U, J]``.
        prices: of a unit, ``[B, C]``.
    """
    active = take_part(market)
    has = degree_one(market, quantity, spend).clamp(min=TINY).log()
    could = market.budgets.clamp(min=TINY).log() - torch.where(active, log_unit_cost(market, prices), 0.0)
    return torch.where(active, torch.expm1((could - has).clamp(max=700.0)), 0.0).amax(-1).clamp(min=0.0)


def envy_freeness(market: Market, quantity: Tensor) -> Tensor:
    """Computes the least ratio of the utility of a UE's own purchase to that of another UE's to it, ``[B]``; at most 1.

    Args:
        market: the markets, with linear utility.
        quantity: units bought, ``[B, U, J]``.
    """
    shape = (*market.budgets.shape, market.supply.shape[-1])
    worth = torch.zeros(shape, dtype=quantity.dtype, device=quantity.device)
    bought = worth.scatter_add(2, market.cells, quantity)
    worth = worth.scatter_add(2, market.cells, torch.where(market.links, market.weights, 0.0))
    cross = worth @ bought.mT  # [B, U, U] what UE i would have of UE k's purchase
    own = cross.diagonal(dim1=-2, dim2=-1)
    ratio = own / cross.amax(-1).clamp(min=TINY)
    return torch.where(take_part(market), ratio, 1.0).amin(-1)
