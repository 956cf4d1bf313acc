"""Computes what is recorded of a trade: money, worth, distance from three optima.

The three optima differ: the market equilibrium maximises sum B log(rate bought), proportional fairness on the total
rate sum B log(serving rate + rate bought), linear welfare the sum of rates bought. The second is a market equilibrium,
too, in which every UE also buys its serving rate from a seller that has no other customer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.contracts import ArraySpec, Extra
from ..market import Market, MarketDecision, Utility
from ..market.equilibrium_gap import envy_freeness, equilibrium_gap
from ..market.problem import linear_bound
from ..market.utility import utilities
from .types import CompObservation

_USER, _CELL = ("user",), ("cell",)
ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "other_cell_prbs": ArraySpec(_USER, "PRB", "sum", "PRBs from cells other than the serving one, summed over slots"),
    "other_cell_bits": ArraySpec(_USER, "bit", "sum", "bits delivered by cells other than the serving one"),
    "outage_s": ArraySpec(_USER, "s", "sum", "time in which the serving link was broken"),
    "serving_sinr_db": ArraySpec(_USER, "dB", "last", "mean SINR of the serving link, all cells at full load"),
    "outage_bits": ArraySpec(_USER, "bit", "sum", "bits delivered in that time"),
    "utility": ArraySpec(_USER, "1", "sum", "utility of what a UE bought"),
    "paid": ArraySpec(_USER, "money", "sum", "money that a UE paid"),
    "budget": ArraySpec(_USER, "money", "sum", "money that a UE had"),
    "bought": ArraySpec(_USER, "Mbit/s", "sum", "expected rate of the shares that a UE bought"),
    "bought_whole": ArraySpec(_USER, "Mbit/s", "sum", "expected rate of the whole PRBs that it got for them"),
    "sold": ArraySpec(_CELL, "PRB", "sum", "PRBs that a cell sold"),
    "offered": ArraySpec(_CELL, "PRB", "sum", "PRBs that a cell offered while a UE could buy from it"),
    "price": ArraySpec(_CELL, "money", "sum", "price of a PRB, summed over intervals with buyers"),
    "reserve": ArraySpec(_CELL, "money", "sum", "reserve price of a PRB, summed over intervals with buyers"),
    "equilibrium_shortfall": ArraySpec((), "1", "sum", "logarithm by which utilities miss the market equilibrium"),
    "total_shortfall": ArraySpec((), "1", "sum", "logarithm by which total rates miss proportional fairness"),
    "linear_bound": ArraySpec((), "Mbit/s", "sum", "greatest sum of expected rates"),
    "envy_freeness": ArraySpec((), "1", "sum", "least ratio of own purchase to that of another UE"),
    "rounds": ArraySpec((), "1", "sum", "exchanges of messages"),
    "messages": ArraySpec((), "1", "sum", "messages of UEs to cells and back: two a round and link"),
    "settled": ArraySpec((), "1", "sum", "intervals in which the mechanism settled"),
    "markets": ArraySpec((), "1", "sum", "intervals with buyers"),
}


@dataclass(frozen=True)
class Trade:
    """Holds a trade.

    Attributes:
        equilibrium: returns the prices of the market equilibrium, ``[B, C]``; None: nothing is compared with it.
    """

    seen: CompObservation
    decision: MarketDecision
    prbs: Tensor  # [B, U, J] int64
    equilibrium: Callable[[Market], Tensor] | None


def trade_extras(trade: Trade) -> dict[str, Extra]:
    """Computes what is recorded of a trade; of an interval without buyers nothing counts."""
    market, decision = trade.seen.market, trade.decision
    links = market.links
    there = links.flatten(1).any(1).to(torch.float64)
    worth = torch.where(links, market.weights, 0.0)
    of_cells = there[:, None]
    missed, missed_total = shortfalls(trade, there > 0)
    return {
        "utility": torch.where(links.any(-1), utilities(market, decision.quantity, decision.spend), 0.0),
        "paid": decision.spend.sum(-1),
        "budget": torch.where(links.any(-1), market.budgets, 0.0),
        "bought": (worth * decision.quantity).sum(-1),
        "bought_whole": (worth * trade.prbs).sum(-1),
        "sold": market.at_cells(decision.quantity),
        "offered": market.supply * (market.at_cells(links.to(market.supply.dtype)) > 0),
        "price": decision.prices * of_cells,
        "reserve": market.reserve * of_cells,
        "equilibrium_shortfall": missed,
        "total_shortfall": missed_total,
        "linear_bound": linear_bound(market),
        "envy_freeness": envy_freeness(market, decision.quantity) * there,
        "rounds": decision.rounds * there,
        "messages": market.messages(decision.rounds) * there,
        "settled": decision.converged * there,
        "markets": there,
    }


def shortfalls(trade: Trade, there: Tensor) -> tuple[Tensor, Tensor]:
    """Computes by which logarithm utilities and total rates miss their optima, ``[B]`` each.

    Args:
        trade: of the interval.
        there: bool ``[B]`` drops with buyers.
    """
    market, decision = trade.seen.market, trade.decision
    if trade.equilibrium is None:
        nothing = torch.full_like(market.supply[:, 0], torch.nan)
        return nothing, nothing
    if not bool(there.any()):
        zero = torch.zeros_like(market.supply[:, 0])
        return zero, zero
    bought = equilibrium_gap(market, decision.quantity, decision.spend, trade.equilibrium(market))
    total = with_serving_rate(market, trade.seen.serving_rate)
    own = torch.ones_like(decision.quantity[..., :1]) * (trade.seen.serving_rate > 0)[..., None]
    quantity = torch.cat((decision.quantity, own), -1)
    spend = torch.cat((decision.spend, torch.zeros_like(own)), -1)
    gap = equilibrium_gap(total, quantity, spend, trade.equilibrium(total))
    return torch.where(there, bought, 0.0), torch.where(there, gap, 0.0)


def with_serving_rate(market: Market, serving_rate: Tensor) -> Market:
    """Adds for each UE a seller of one unit, its serving rate, that no other UE can buy; utilities are linear.

    Args:
        market: the markets.
        serving_rate: ``[B, U]`` in the unit of the weights.
    """
    batch, users = serving_rate.shape
    cells = market.supply.shape[1]
    private = (cells + torch.arange(users, device=serving_rate.device)).expand(batch, -1)[..., None]
    nothing = torch.zeros_like(serving_rate)
    return Market(
        torch.cat((market.weights, serving_rate[..., None]), -1),
        torch.cat((market.cells, private), -1),
        market.budgets,
        torch.cat((market.supply, torch.ones_like(nothing)), -1),
        torch.cat((market.reserve, nothing), -1),
        Utility(),
    )
