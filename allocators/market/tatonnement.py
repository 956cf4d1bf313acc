"""Sells at posted prices that follow the demand: multiplicative tatonnement.

p_j <- p_j clip(d_j / s_j, 1/2, 2)^(eta / sqrt(t)), with the demand d_j at the posted prices and the supply s_j. With
linear utility demand jumps, and prices come to rest only within a radius, which is reported.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

import dataclasses

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from mac.market.utility import TINY, spending_shares
from phy.settings import PARAMETERS

from .trading_post import within_budget


def tatonnement(market: Market, rounds: int = 2000, step: float = 0.5, tolerance: float = 1e-6) -> MarketDecision:
    """Posts prices, collects demands and adjusts; sells in proportion to what was asked for over the second half.

    The money that UEs offered at the posted prices of the last half of the rounds is averaged, and each base station
    hands out its supply in proportion to it, at the price that this money makes, or at its reserve (ours). So no more
    is sold than there is, also where demands at the last prices exceed it. The radius is the greatest movement of a
    price over that half, up or down from its mean, as a share of it.

    Args:
        market: the markets.
        rounds: of posting prices, at most.
        step: eta.
        tolerance: relative excess demand at which prices have settled.
    """
    sold = market.at_cells(market.links.to(market.budgets.dtype)) > 0
    prices = _first_prices(market, sold)
    offers = Offers.none(market, prices)
    settled = torch.zeros(len(prices), dtype=torch.bool, device=prices.device)
    for number in range(1, rounds + 1):
        spend = spending_shares(market, prices) * market.budgets[..., None]
        demand = market.at_cells(spend) / (prices * market.supply).clamp(min=TINY)
        offers = offers.kept_where(settled, offers.add(number, spend, prices))
        rests = ((demand - 1.0).abs() <= tolerance) | ((demand <= 1.0) & (prices <= market.reserve)) | ~sold
        settled = settled | rests.all(-1)
        if bool(settled.all()):
            break
        moved = prices * demand.clamp(0.5, 2.0) ** (step / number**0.5)
        moved = torch.where(sold, torch.maximum(moved, market.reserve), market.reserve)
        prices = torch.where(settled[:, None], prices, moved)
    return offers.decision(market, settled)


def _first_prices(market: Market, sold: Tensor) -> Tensor:
    """Posts first what the base station takes in if each UE divides its budget evenly, over its supply."""
    links = market.links.to(market.budgets.dtype)
    even = market.budgets[..., None] * links / links.sum(-1, keepdim=True).clamp(min=1.0)
    first = market.at_cells(even) / market.supply.clamp(min=TINY)
    return torch.where(sold, torch.maximum(first, market.reserve), market.reserve)


@dataclasses.dataclass(frozen=True)
class Offers:
    """Holds sums of offers, and how prices moved, since half of the rounds at most."""

    spend: Tensor  # [B, U, J] money offered, summed over rounds
    low: Tensor  # [B, C] lowest price
    high: Tensor  # [B, C]
    count: Tensor  # [B] int64, rounds summed
    rounds: Tensor  # [B] int64, rounds in all

    @classmethod
    def none(cls, market: Market, prices: Tensor) -> Offers:
        """Returns what there is before the first round."""
        count = torch.zeros(len(prices), dtype=torch.int64, device=prices.device)
        return cls(torch.zeros_like(market.weights), prices, prices, count, count)

    def add(self, number: int, spend: Tensor, prices: Tensor) -> Offers:
        """Adds a round; the sums begin anew at 1, 2, 4, 8 ... rounds, so that at least the last half counts."""
        rounds = torch.full_like(self.rounds, number)
        if number & (number - 1) == 0:
            return Offers(spend, prices, prices, torch.ones_like(self.count), rounds)
        low, high = torch.minimum(self.low, prices), torch.maximum(self.high, prices)
        return Offers(self.spend + spend, low, high, self.count + 1, rounds)

    def kept_where(self, settled: Tensor, other: Offers) -> Offers:
        """Returns these in the drops that have settled, and the others elsewhere."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Offers(*(torch.where(settled.view(-1, *(1,) * (one.dim() - 1)), one, two) for one, two in pairs))

    def decision(self, market: Market, settled: Tensor) -> MarketDecision:
        """Converts mean offers to what is sold."""
        spend = within_budget(market, self.spend / self.count[:, None, None])
        taken = market.at_cells(spend) / market.supply.clamp(min=TINY)
        prices = torch.where(market.supply > 0, torch.maximum(market.reserve, taken), market.reserve)
        quantity = torch.where(spend > 0, spend / market.at_links(prices).clamp(min=TINY), 0.0)
        radius = ((self.high - self.low) / (self.high + self.low).clamp(min=TINY)).amax(-1)
        return MarketDecision(quantity, spend, prices, self.rounds, settled, radius)


@dataclass(config=PARAMETERS)
class Tatonnement:
    """Posts prices that rise where demand exceeds supply and fall where it does not, in proportion to the ratio.

    Source: Walras' process in the multiplicative form of Cole, Fleischer, "Fast-converging tatonnement algorithms for
    one-time and ongoing market problems", STOC 2008. Averaging what is sold is ours.
    """

    rounds: int = Field(default=200, ge=1, le=1_000_000)
    """Prices posted, at most."""
    step: float = Field(default=0.5, gt=0, le=1)
    """Exponent eta of the first adjustment; it falls with the square root of the number of the round."""
    tolerance: float = Field(default=1e-6, gt=0, le=1)
    """Relative excess demand at which prices have settled."""

    def reset(self, context: MarketContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: MarketObservation) -> MarketDecision:
        """Adjusts prices until demand meets supply."""
        return tatonnement(observation.market, self.rounds, self.step, self.tolerance)
