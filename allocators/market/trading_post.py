"""Sells by price-anticipating proportional shares: the trading post.

A UE knows that its own bids move the prices: its bids are the best response to those of the others. Simultaneous best
responses cycle, so that bids move only a part of the way; the part shrinks where the bids begin to swing, and grows
otherwise (ours). The end is certified: no UE could gain more than the tolerance.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from mac.market.utility import TINY, degree_one
from phy.settings import PARAMETERS

from .best_response import best_response
from .settling import Settling

_LEAST_STEP = 0.01
_PHANTOM = 1e-9  # of the mean budget: the least bid of a seller, without which a lone bidder had no best response


def trading_post(market: Market, rounds: int = 2000, tolerance: float = 1e-6, step: float = 0.3) -> MarketDecision:
    """Computes an equilibrium of price-anticipating UEs.

    ``market.reserve`` is the seller's own bid for its whole supply, in money; it keeps its share, for its own UEs.

    Args:
        market: the markets.
        rounds: at most.
        tolerance: relative gain of the best deviation at which the market has settled.
        step: share of the way to the best response at the start.
    """
    settling = Settling(market, rounds)
    reserve = torch.maximum(market.reserve, _PHANTOM * market.budgets.mean(-1, keepdim=True))
    bids = _even(market)
    damping = torch.full_like(bids[:, :1, :1], step)
    swing = torch.full_like(damping, torch.inf)
    for number in range(1, rounds + 1):
        others = market.at_links(market.at_cells(bids) + reserve) - bids
        best = best_response(market, others)
        gain = _gain(market, bids, best, others)
        if settling.keep(number, _traded(market, bids, reserve), gain <= tolerance):
            break
        distance = (best - bids).abs().sum((1, 2), keepdim=True)
        damping = torch.where(distance > swing, damping / 2.0, (1.1 * damping).clamp(max=1.0)).clamp(min=_LEAST_STEP)
        bids, swing = within_budget(market, bids + damping * (best - bids)), distance
    return settling.result


def trading_post_gain(market: Market, spend: Tensor) -> Tensor:
    """Computes by what part the best UE could raise its utility by other bids, ``[B]``.

    Args:
        market: the markets.
        spend: the bids of all, ``[B, U, J]``.
    """
    reserve = torch.maximum(market.reserve, _PHANTOM * market.budgets.mean(-1, keepdim=True))
    others = market.at_links(market.at_cells(spend) + reserve) - spend
    return _gain(market, spend, best_response(market, others), others)


def within_budget(market: Market, bids: Tensor) -> Tensor:
    """Scales bids down where rounding took them above a budget, ``[B, U, J]``."""
    return bids * (market.budgets[..., None] / bids.sum(-1, keepdim=True).clamp(min=TINY)).clamp(max=1.0)


def _even(market: Market) -> Tensor:
    links = market.links.to(market.budgets.dtype)
    return market.budgets[..., None] * links / links.sum(-1, keepdim=True).clamp(min=1.0)


def _gain(market: Market, bids: Tensor, best: Tensor, others: Tensor) -> Tensor:
    supply = market.at_links(market.supply)
    has = degree_one(market, supply * bids / (bids + others).clamp(min=TINY), bids)
    could = degree_one(market, supply * best / (best + others).clamp(min=TINY), best)
    active = market.links.any(-1)
    return torch.where(active, could / has.clamp(min=TINY) - 1.0, 0.0).amax(-1).clamp(min=0.0)


def _traded(market: Market, bids: Tensor, reserve: Tensor) -> MarketDecision:
    total = market.at_cells(bids) + torch.where(market.reserve > 0, reserve, 0.0)
    prices = total / market.supply.clamp(min=TINY)
    quantity = torch.where(bids > 0, bids / market.at_links(prices).clamp(min=TINY), 0.0)
    one = torch.zeros(len(bids), dtype=torch.int64, device=bids.device)
    return MarketDecision(quantity, bids, torch.where(market.supply > 0, prices, 0.0), one, one.bool())


@dataclass(config=PARAMETERS)
class TradingPost:
    """Shares out each base station in proportion to bids; every UE bids its best response (Feldman, Lai, Zhang).

    With equal budgets envy-freeness is at least 2 sqrt(2) - 2 = 0.828, and Nash welfare at least half of the market
    equilibrium's (Branzei, Gkatzelis, Mehta, 2017).

    Source: Feldman, Lai, Zhang, "The proportional-share allocation market for computational resources", IEEE TPDS
    20(8), 2009. The damping is ours.
    """

    rounds: int = Field(default=500, ge=1, le=100_000)
    """Exchanges of bids and prices, at most; the bids of the last one count."""
    tolerance: float = Field(default=1e-6, gt=0, le=1)
    """Relative gain of the best deviation at which the market has settled."""
    step: float = Field(default=0.3, gt=0, le=1)
    """Share of the way to the best response in the first round."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Bids until no UE gains by other bids."""
        return trading_post(observation.market, self.rounds, self.tolerance, self.step)
