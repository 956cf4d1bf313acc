"""Sells the PRBs of each cell in a sealed auction of equal units: at a uniform price, or by VCG.

Cells auction at the same time and independently. A UE divides its budget over the cells of its cluster before, in
proportion to what an equal share of each is worth to it, and bids for the first, second, ... PRB of a cell what each
adds to its value. The value of n PRBs is b n / (n + e), with b the part of the budget and e the PRBs of an equal share:
half of b for an equal share, and never more than b, so that no payment exceeds a budget (ours). With quasi-linear
utility it is min(a n, b). The seller bids its reserve price for every PRB.

B drops, U UEs, C cells, J cells that a UE hears.
"""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.comp import CompContext, CompObservation
from mac.market import Market, MarketDecision
from mac.market.utility import TINY
from phy.settings import PARAMETERS

from ..market.bargaining import equal_quantity, unit_values


@plain_dataclass(frozen=True)
class Clearing:
    """Holds the result of auctions of equal units, without payments."""

    won: Tensor  # [B, U, J] int64 units
    rejected: Tensor  # [B, C, units] the highest bids that got nothing, falling; 0 where there are no more
    bidder: Tensor  # [B, C, units] int64 UE of each; -1 where there are no more


def marginal_bids(market: Market) -> Tensor:
    """Computes what each UE bids for its first, second, ... unit above the reserve price, ``[B, U, J, units]``.

    Args:
        market: the markets; supplies are whole numbers.
    """
    units = max(1, int(market.supply.max()))
    number = torch.arange(units + 1, dtype=market.weights.dtype, device=market.weights.device)
    equal = equal_quantity(market)
    worth = torch.where(market.links, unit_values(market) * equal, 0.0)
    part = (market.budgets[..., None] * worth / worth.sum(-1, keepdim=True).clamp(min=TINY))[..., None]
    if market.utility.keeps_money:
        value = torch.minimum(market.weights[..., None] * number, part)
    else:
        value = part * number / (number + equal.clamp(min=TINY)[..., None])
    bids = value.diff(dim=-1) - market.at_links(market.reserve)[..., None]
    offered = number[1:] <= market.at_links(market.supply)[..., None]
    return torch.where(market.links[..., None] & offered, bids, 0.0).clamp(min=0.0)


def clear(market: Market, bids: Tensor) -> Clearing:
    """Gives the units of each cell to the highest bids above 0; of equal bids the lower UE's comes first.

    Args:
        market: the markets; supplies are whole numbers.
        bids: ``[B, U, J, units]``, never rising over the units of a link.
    """
    shape, cells = bids.shape, market.supply.shape[1]
    flat, cell = bids.flatten(1), market.cells[..., None].expand(shape).flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)
    order = order.gather(1, cell.gather(1, order).argsort(dim=1, stable=True))  # by cell, high bids first
    bid, seller = flat.gather(1, order), cell.gather(1, order).contiguous()
    place = torch.arange(flat.shape[1], device=flat.device) - torch.searchsorted(seller, seller)
    after = place - market.supply.gather(1, seller).long()
    won = torch.zeros_like(cell).scatter(1, order, ((after < 0) & (bid > 0)).long()).view(shape).sum(-1)
    units = shape[-1]
    listed = (after >= 0) & (after < units) & (bid > 0)
    at = torch.where(listed, seller * units + after, cells * units)  # the last entry takes what is not listed
    rejected = flat.new_zeros((shape[0], cells * units + 1)).scatter(1, at, bid)[:, :-1]
    bidder = at.new_full((shape[0], cells * units + 1), -1).scatter(1, at, order // (shape[2] * units))[:, :-1]
    rejected = torch.where(bidder >= 0, rejected, 0.0)
    return Clearing(won, rejected.unflatten(1, (cells, units)), bidder.unflatten(1, (cells, units)))


def vcg_payments(market: Market, found: Clearing) -> Tensor:
    """Computes what each UE takes from others: for n units their n highest rejected bids, ``[B, U, J]``.

    The seller's bids, the reserve price, are below them and count in full for each unit.

    Args:
        market: the markets.
        found: the result of :func:`clear`.
    """
    drop = torch.arange(len(found.won), device=found.won.device)[:, None, None]
    ue = torch.arange(found.won.shape[1], device=found.won.device)[:, None, None]
    others = found.bidder[drop, market.cells] != ue  # [B, U, J, units]
    lost = others & (others.cumsum(-1) <= found.won[..., None])
    paid = torch.where(lost, found.rejected[drop, market.cells], 0.0).sum(-1)
    return paid + found.won * market.at_links(market.reserve)


def uniform_payments(market: Market, found: Clearing) -> Tensor:
    """Computes payments at the price of the highest rejected bid or the reserve price, ``[B, U, J]``.

    Args:
        market: the markets.
        found: the result of :func:`clear`.
    """
    return found.won * market.at_links(market.reserve + found.rejected[..., 0])


def auction_decision(market: Market, won: Tensor, paid: Tensor) -> MarketDecision:
    """Makes the decision of an auction of one round; a cell's price is the mean, or the reserve if nothing is sold.

    Args:
        market: the markets.
        won: units, ``[B, U, J]``.
        paid: money, ``[B, U, J]``.
    """
    quantity = won.to(market.weights.dtype)
    sold, spend = market.at_cells(quantity), torch.where(won > 0, paid, 0.0)
    prices = torch.where(sold > 0, market.at_cells(spend) / sold.clamp(min=1.0), market.reserve)
    one = torch.ones(len(prices), dtype=torch.int64, device=prices.device)
    return MarketDecision(quantity, spend, prices, one, one > 0)


@dataclass(config=PARAMETERS)
class UniformPrice:
    """Auctions the PRBs of each cell at one price for all: that of the highest bid that got none, or the reserve price.

    A UE that wants several PRBs may gain by lower bids for the later ones (demand reduction), which is not modelled.

    Source: Ausubel, Cramton, Pycia, Rostek, Weretka, "Demand reduction and inefficiency in multi-unit auctions", Review
    of Economic Studies 81(4), 2014. The bids are ours.
    """

    def reset(self, context: CompContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: CompObservation) -> MarketDecision:
        """Collects bids once, and serves the highest."""
        market = observation.market
        found = clear(market, marginal_bids(market))
        return auction_decision(market, found.won, uniform_payments(market, found))


@dataclass(config=PARAMETERS)
class Vcg:
    """Auctions the PRBs of each cell by Vickrey's rule: a UE that wins n pays the n best rejected bids of others.

    To bid its true values is then best for a UE in each cell's auction.

    Source: Vickrey, Journal of Finance 16(1), 1961. The bids are ours.
    """

    def reset(self, context: CompContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: CompObservation) -> MarketDecision:
        """Collects bids once, and serves the highest."""
        market = observation.market
        found = clear(market, marginal_bids(market))
        return auction_decision(market, found.won, vcg_payments(market, found))
