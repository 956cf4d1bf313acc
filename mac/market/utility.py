"""Computes utilities of purchases, the cost of a unit of utility, and demands at posted prices.

Utilities are compared in a form of degree one (twice as much of everything is twice the utility): a logarithmic one as
the geometric mean exp(u / sum a), the others as they are. For these the market equilibrium maximises the sum of budget
times log utility (Eisenberg and Gale, 1959).

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .types import Market

TINY = 1e-300
"""Stands for 0 where a logarithm is taken."""


def utilities(market: Market, quantity: Tensor, spend: Tensor) -> Tensor:
    """Computes the utility of each UE as its definition has it, ``[B, U]``.

    Args:
        market: the markets.
        quantity: units bought, ``[B, U, J]``.
        spend: money paid, ``[B, U, J]``; only money that is left counts, and only with quasi-linear utility.
    """
    if market.utility.kind == "log":
        terms = market.weights * quantity.clamp(min=TINY).log()
        found: Tensor = torch.where(market.links, terms, 0.0).sum(-1)
        return found
    return degree_one(market, quantity, spend)


def degree_one(market: Market, quantity: Tensor, spend: Tensor) -> Tensor:
    """Computes the utility of each UE in its form of degree one, ``[B, U]``; arguments as of :func:`utilities`."""
    kind, rho = market.utility.kind, market.utility.exponent
    if kind == "log":
        total = torch.where(market.links, market.weights, 0.0).sum(-1)
        mean = utilities(market, quantity, spend) / total.clamp(min=TINY)
        return torch.where(total > 0, mean.exp(), 0.0)
    if kind == "ces":
        terms = market.weights.clamp(min=TINY).log() + rho * quantity.clamp(min=TINY).log()
        mean = torch.where(market.links, terms, -torch.inf).logsumexp(-1) / rho
        return torch.where(market.links.any(-1), mean.exp(), 0.0)
    bought = (market.weights * quantity).sum(-1)
    return bought + (market.budgets - spend.sum(-1)) if market.utility.keeps_money else bought


def log_unit_cost(market: Market, prices: Tensor) -> Tensor:
    """Computes the logarithm of the least money for one unit of utility at given prices, ``[B, U]``.

    Linear: min p/a. Quasi-linear: min(1, p/a). CES with sigma = 1/(1 - rho): (sum a^sigma p^(1 - sigma))^(1/(1 -
    sigma)). Logarithmic with shares alpha = a / sum a: product of (p / alpha)^alpha.

    Args:
        market: the markets.
        prices: of a unit, ``[B, C]``.
    """
    links = market.links
    log_weight, log_price = market.weights.clamp(min=TINY).log(), market.at_links(prices).clamp(min=TINY).log()
    if market.utility.kind == "log":
        alpha = spending_shares(market, prices)
        terms = alpha * (log_price - alpha.clamp(min=TINY).log())
        found: Tensor = torch.where(links, terms, 0.0).sum(-1)
        return found
    if market.utility.kind == "ces":
        sigma = 1.0 / (1.0 - market.utility.rho)
        terms = torch.where(links, sigma * log_weight + (1.0 - sigma) * log_price, -torch.inf)
        return terms.logsumexp(-1) / (1.0 - sigma)
    cheapest = torch.where(links, log_price - log_weight, torch.inf).amin(-1)
    return cheapest.clamp(max=0.0) if market.utility.keeps_money else cheapest


def spending_shares(market: Market, prices: Tensor) -> Tensor:
    """Computes the share of its budget that a UE spends on each link at posted prices, ``[B, U, J]``.

    Linear and quasi-linear UEs divide it evenly over their best links; a quasi-linear one spends only where a unit is
    worth its price.

    Args:
        market: the markets.
        prices: of a unit, ``[B, C]``.
    """
    links, rho = market.links, market.utility.exponent
    log_weight = market.weights.clamp(min=TINY).log()
    log_price = market.at_links(prices).clamp(min=TINY).log()
    if rho < 1.0:
        sigma = 1.0 / (1.0 - rho)
        terms = torch.where(links, sigma * log_weight + (1.0 - sigma) * log_price, -torch.inf)
        return terms.softmax(-1).nan_to_num(0.0)
    ratio = torch.where(links, log_weight - log_price, -torch.inf)
    best = ratio.amax(-1, keepdim=True)
    if market.utility.keeps_money:
        best = best.clamp(min=0.0)
    chosen = (links & (ratio >= best - 1e-12)).to(ratio.dtype)
    return chosen / chosen.sum(-1, keepdim=True).clamp(min=1.0)


def take_part(market: Market) -> Tensor:
    """Returns the UEs that have anything to buy, bool ``[B, U]``."""
    return market.links.any(-1)
