"""Computes the best bids of a UE in a trading post, given the bids of the others.

Base station j hands out its supply in proportion to the bids. With the sum y_j of the others' bids and of the seller's
own, a bid x_j buys the share x_j / (x_j + y_j). Supply is part of the weights here: a_j is worth the whole of it.

B drops, U UEs, J links of a UE.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mac.market import Market
from mac.market.utility import TINY

_STEPS = 60  # of bisection
_NEWTON = 8  # in each of them, from the last result on


def best_response(market: Market, others: Tensor) -> Tensor:
    """Computes the bids that give each UE most, ``[B, U, J]``.

    Args:
        market: the markets.
        others: sum of the bids of the others and of the seller, ``[B, U, J]``; above 0 on links.
    """
    rho = market.utility.exponent
    links = market.links
    others = torch.where(links, others.clamp(min=TINY), 1.0)
    worth = market.weights * market.at_links(market.supply)
    if rho < 1.0:
        return _concave_response(market, worth, others)
    spend_all = _linear_response(torch.where(links, worth, 0.0), others, market.budgets[..., None])
    if not market.utility.keeps_money:
        return spend_all
    worthwhile = torch.where(links, (worth * others).sqrt() - others, 0.0).clamp(min=0.0)
    return torch.where(worthwhile.sum(-1, keepdim=True) <= market.budgets[..., None], worthwhile, spend_all)


def _linear_response(worth: Tensor, others: Tensor, budget: Tensor) -> Tensor:
    """Computes the response with utility sum_j a_j x_j / (x_j + y_j), all budgets spent.

    Links are sorted by a/y. The best k of them get sqrt(a_j y_j) / S_k (X + Y_k) - y_j, where S_k is the sum of
    sqrt(a_j y_j), Y_k that of y_j, and k the largest with which the last bid is not negative (Feldman, Lai, Zhang,
    2009).
    """
    ratio, order = (worth / others).sort(dim=-1, descending=True, stable=True)
    sorted_others = others.gather(-1, order)
    root = ratio.sqrt() * sorted_others
    level = (budget + sorted_others.cumsum(-1)) / root.cumsum(-1).clamp(min=TINY)
    last = ((root * level >= sorted_others) & (ratio > 0)).sum(-1, keepdim=True)
    found = level.gather(-1, (last - 1).clamp(min=0))
    bids = ((worth * others).sqrt() * found - others).clamp(min=0.0)
    return torch.where(worth > 0, bids, 0.0)


def _concave_response(market: Market, worth: Tensor, others: Tensor) -> Tensor:
    """Computes the response with CES and logarithmic utilities, by bisection of the worth of a unit of money.

    The derivative by a bid, a t^(rho - 1) (1 - t)^2 / y with the share t, is the same on all links. With t = 1 / (1 +
    exp(-z)) its logarithm falls in z with slopes between rho - 1 and -2, so that Newton's method finds z.
    """
    rho, links, budget = market.utility.exponent, market.links, market.budgets[..., None]
    # supply enters a CES utility as a s^rho and shifts a logarithmic one
    supply = market.at_links(market.supply).clamp(min=TINY)
    top = market.weights.clamp(min=TINY).log() + rho * supply.log() - others.log()
    low = torch.where(links, top, torch.inf).amin(-1, keepdim=True) - 200.0
    high = torch.where(links, top, -torch.inf).amax(-1, keepdim=True) + 200.0
    logit = torch.zeros_like(others)
    for _ in range(_STEPS):
        level = (low + high) / 2.0
        logit = _logit(level - top, rho, logit)
        spent = torch.where(links, others * logit.clamp(max=300.0).exp(), 0.0).sum(-1, keepdim=True)
        low, high = torch.where(spent > budget, level, low), torch.where(spent > budget, high, level)
    bids = torch.where(links, others * logit.clamp(max=300.0).exp(), 0.0)
    return bids * (budget / bids.sum(-1, keepdim=True).clamp(min=TINY))


def _logit(wanted: Tensor, rho: float, start: Tensor) -> Tensor:
    """Solves (rho - 1) log t + 2 log(1 - t) = wanted for z, with t = 1 / (1 + exp(-z))."""
    z = start
    for _ in range(_NEWTON):
        small = (-z.abs()).exp()  # sigmoid() and softplus() of torch round by the place in memory
        share = torch.where(z >= 0, 1.0, small) / (1.0 + small)
        log_sum = small.log1p()
        value = (1.0 - rho) * (log_sum + (-z).clamp(min=0.0)) - 2.0 * (log_sum + z.clamp(min=0.0))
        z = z + (value - wanted) / ((1.0 - rho) * (1.0 - share) + 2.0 * share)
    return z
