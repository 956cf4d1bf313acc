"""Computes the competitive equilibrium of markets by accelerated proportional response.

Spending b minimises the convex function of Shmyrev, sum_j h_j(sum_i b_ij) - sum b_ij log a_ij with h_j' = log p_j and
p_j = max(r_j, sum_i b_ij / s_j). Mirror descent on it with step 1 is proportional response (Birnbaum, Devanur, Xiao,
2011): each UE divides its budget in proportion to the utility that its links gave it. Here the step is 2, with momentum
on the logarithms of the bids that restarts where it points uphill (after O'Donoghue and Candes, 2015): a gap of 1e-3
takes about 10 rounds instead of 30, 1e-6 about 150 instead of 1600 (1,000 UEs, 100 base stations, 5 links each).

Money that a quasi-linear UE keeps is one more link, whose price is 1.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mac.market import Market, MarketDecision
from mac.market.utility import TINY

from .settling import Settling

_LOWEST = -80.0  # of the logarithm of a share of a budget: smaller ones cost time and change nothing
_NOTHING = 1e-15  # share of a budget that counts as none
_ABSENT = -1e9  # in place of it where there is no link


@dataclass(frozen=True)
class Descent:
    """Describes a step on the logarithms of bids.

    Attributes:
        step: 1 is proportional response.
        momentum: whether steps are accelerated.
    """

    step: float = 1.0
    momentum: bool = False

    @classmethod
    def fastest(cls, market: Market) -> Descent:
        """Returns what settles fastest: with complements the undamped response contracts by itself."""
        rho = market.utility.exponent
        return cls(2.0 if rho == 1.0 else 1.0, momentum=rho > 0.0)


def competitive_equilibrium(market: Market, rounds: int = 20_000, tolerance: float = 1e-9) -> MarketDecision:
    """Computes prices at which each UE buys its best bundle and base stations sell out, or stand at their reserve.

    Args:
        market: the markets.
        rounds: at most.
        tolerance: of the gap to the equilibrium; see :func:`mac.market.equilibrium_gap.equilibrium_gap`.
    """
    return descend(market, Descent.fastest(market), rounds, tolerance)


def descend(market: Market, descent: Descent, rounds: int, tolerance: float) -> MarketDecision:
    """Repeats proportional responses until the gap to the equilibrium is small; each drop stops by itself.

    Args:
        market: the markets.
        descent: the kind of step.
        rounds: at most.
        tolerance: of the gap.
    """
    bids = LogBids(market)
    settling = Settling(market, rounds)
    state = bids.first(descent)
    for number in range(1, rounds + 1):
        state = bids.respond(state, descent.momentum)
        if settling.is_time(number) and settling.note(number, bids.decision(state.bids), tolerance):
            break
    return settling.result


@dataclass(frozen=True)
class DescentState:
    """Holds logarithms of bids, as shares of budgets, between two rounds; J counts money as a link where it is one."""

    bids: Tensor  # [B, U, J] after the last round
    ahead: Tensor  # [B, U, J] moved on by the momentum
    shares: Tensor  # [B, U, J] of budgets, at the start of the last round
    age: Tensor  # [B, 1, 1] rounds since the momentum began
    step: Tensor  # [B, 1, 1]


class LogBids:
    """Holds the links of markets, with one for money that is kept, and computes responses on logarithms of bids."""

    def __init__(self, market: Market) -> None:
        self._market = market
        links = market.links
        self._log_weight = torch.where(links, market.weights.clamp(min=TINY).log(), 0.0)
        if market.utility.keeps_money:
            links = torch.cat((links, links.any(-1, keepdim=True)), -1)
        self._is_link = links.to(market.weights.dtype)
        self._least = torch.where(links, _LOWEST, _ABSENT).to(market.weights.dtype)
        self._budgets, self._supply = market.budgets[..., None], market.supply.clamp(min=TINY)

    def first(self, descent: Descent) -> DescentState:
        """Returns bids in proportion to the weights."""
        bids = torch.where(self._is_link > 0, self._with_money(self._log_weight), _ABSENT)
        age = torch.zeros_like(self._budgets[:, :1])
        return DescentState(bids, bids, torch.zeros_like(bids), age, torch.full_like(age, descent.step))

    def respond(self, state: DescentState, momentum: bool) -> DescentState:
        """Moves bids towards the proportional response to the prices that they make.

        With rho <= 0 the best response is taken, which is the proportional response damped by 1 / (1 - rho). Where the
        last movement went against the response (it was too far), the momentum starts anew, and a step that had none
        is shortened.
        """
        rho = self._market.utility.exponent
        shares, log_total = self._shares(state.ahead)
        log_price = self._market.at_links(self._prices(shares).log())
        response = self._with_money(self._log_weight - rho * log_price)
        if rho <= 0.0:
            return replace(state, ahead=(ahead := response / (1.0 - rho) + self._absent()), bids=ahead)
        if rho < 1.0:
            response = response - (1.0 - rho) * state.ahead
        change = response * self._is_link
        new = torch.maximum(state.ahead + state.step * change - log_total, self._least)
        if not momentum:
            return replace(state, ahead=new, bids=new)
        back = (change * (shares - state.shares) * self._budgets).sum((1, 2), keepdim=True) < 0
        step = torch.where(back & (state.age <= 1.0), (0.7 * state.step).clamp(min=1.0), state.step)
        age = torch.where(back, 0.0, state.age + 1.0)
        return DescentState(new, new + age / (age + 3.0) * (new - state.bids), shares, age, step)

    def decision(self, bids: Tensor) -> MarketDecision:
        """Converts logarithms of shares of budgets to what is traded."""
        market = self._market
        shares, _ = self._shares(bids)
        prices = self._prices(shares)
        kept = torch.where(shares > _NOTHING, shares, 0.0)
        spend = kept[..., : market.weights.shape[-1]] * self._budgets
        quantity = spend / market.at_links(prices)
        one = torch.zeros(len(spend), dtype=torch.int64, device=spend.device)
        return MarketDecision(quantity, spend, torch.where(prices > TINY, prices, 0.0), one, one.bool())

    def _shares(self, bids: Tensor) -> tuple[Tensor, Tensor]:
        """Scales shares of budgets to 1; returns them and the logarithm of what they were divided by."""
        top = bids.amax(-1, keepdim=True)
        shares = (bids - top).exp() * self._is_link
        total = shares.sum(-1, keepdim=True).clamp(min=TINY)
        return shares / total, top + total.log()

    def _prices(self, shares: Tensor) -> Tensor:
        market = self._market
        spend = shares[..., : market.weights.shape[-1]] * self._budgets
        return torch.maximum(market.reserve, market.at_cells(spend) / self._supply).clamp(min=TINY)

    def _absent(self) -> Tensor:
        return torch.where(self._is_link > 0, 0.0, _ABSENT)

    def _with_money(self, values: Tensor) -> Tensor:
        if not self._market.utility.keeps_money:
            return values
        return torch.cat((values, torch.zeros_like(values[..., :1])), -1)
