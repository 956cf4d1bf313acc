"""Sells by one round of bilateral bargaining between UEs and base stations with reserve prices.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from mac.market.utility import TINY, degree_one
from phy.settings import PARAMETERS


def bargain(market: Market) -> MarketDecision:
    """Bargains once between each UE and base station, without knowledge of the others (all rules are ours).

    A UE values a unit at what it adds to its utility, in money: its budget over the utility of an equal share of all
    its base stations, times the utility that a unit adds there; with quasi-linear utility the weight itself. Where this
    value is at least the reserve price they agree on the middle of both, which is Nash's solution with equal power.
    The UE asks each base station with which it agreed for a part of its budget, in proportion to the value of the
    equal share. A base station serves the highest agreed prices first, until its supply is gone. The price that is
    reported is the mean over the units sold, or the reserve where none is.

    Args:
        market: the markets.
    """
    equal, value = equal_quantity(market), unit_values(market)
    reserve = market.at_links(market.reserve)
    agreed = market.links & (value >= reserve)
    price = torch.where(agreed, (value + reserve) / 2.0, 0.0)
    worth = torch.where(agreed, value * equal, 0.0)
    offered = market.budgets[..., None] * worth / worth.sum(-1, keepdim=True).clamp(min=TINY)
    asked = torch.where(agreed, offered / price.clamp(min=TINY), 0.0)
    quantity = highest_price_first(market, price, asked)
    spend = quantity * price
    units = market.at_cells(quantity)
    prices = torch.where(units > 0, market.at_cells(spend) / units.clamp(min=TINY), market.reserve)
    one = torch.ones(len(prices), dtype=torch.int64, device=prices.device)
    return MarketDecision(quantity, spend, prices, one, one.bool())


def highest_price_first(market: Market, price: Tensor, asked: Tensor) -> Tensor:
    """Computes what base stations hand out if they serve the highest price first, ``[B, U, J]``.

    Args:
        market: the markets.
        price: agreed on each link, ``[B, U, J]``.
        asked: units asked for, ``[B, U, J]``.
    """
    flat_price, flat_asked, cell = price.flatten(1), asked.flatten(1), market.cells.flatten(1)
    order = flat_price.argsort(dim=1, descending=True, stable=True)
    order = order.gather(1, cell.gather(1, order).argsort(dim=1, stable=True))  # by base station, dear ones first
    sorted_cell, sorted_asked = cell.gather(1, order), flat_asked.gather(1, order)
    running = sorted_asked.cumsum(1) - sorted_asked
    first = torch.searchsorted(sorted_cell, sorted_cell)  # where the list of this base station begins
    before = (running - running.gather(1, first)).clamp(min=0.0)
    left = (market.supply.gather(1, sorted_cell) - before).clamp(min=0.0)
    served = torch.minimum(sorted_asked, left)
    return torch.zeros_like(served).scatter_(1, order, served).view(price.shape)


def equal_quantity(market: Market) -> Tensor:
    """Computes what each link would have if base stations were shared evenly among their UEs, ``[B, U, J]``."""
    links = market.links.to(market.budgets.dtype)
    return links * market.at_links(market.supply / market.at_cells(links).clamp(min=1.0))


def unit_values(market: Market) -> Tensor:
    """Computes what a unit of each link beside an equal share is worth to its UE in money, ``[B, U, J]``."""
    if market.utility.keeps_money:
        return market.weights
    equal, rho = equal_quantity(market), market.utility.exponent
    log_worth = market.weights.clamp(min=TINY).log() + (rho - 1.0) * equal.clamp(min=TINY).log()
    if market.utility.kind == "log":
        total = torch.where(market.links, market.weights, 0.0).sum(-1, keepdim=True)
    else:
        utility = degree_one(market, equal, torch.zeros_like(equal)).clamp(min=TINY)
        total = (rho * utility.log()).exp()[..., None]
    return torch.where(market.links, log_worth.exp() * market.budgets[..., None] / total.clamp(min=TINY), 0.0)


@dataclass(config=PARAMETERS)
class Bargaining:
    """Bargains once for every UE with each of its base stations: half-way between its value and the reserve price.

    Nothing is known of the other UEs, and one message each way is enough. All rules are ours: see
    :func:`allocators.market.bargaining.bargain`.
    """

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Bargains once."""
        return bargain(observation.market)
