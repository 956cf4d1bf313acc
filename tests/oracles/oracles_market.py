"""Markets in slow plain loops, and optima by a general solver: what the mechanisms are compared with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]


def one_proportional_response(weights: Floats, budgets: Floats, supply: Floats, bids: Floats, rho: float) -> Floats:
    """Bids of the next round: each budget in proportion to what every link gave, a x^rho."""
    users, cells = weights.shape
    new = np.zeros_like(bids)
    for i in range(users):
        gave = []
        for j in range(cells):
            price = sum(bids[k, j] for k in range(users)) / supply[j]
            gave.append(weights[i, j] * (bids[i, j] / price) ** rho)
        for j in range(cells):
            new[i, j] = budgets[i] * gave[j] / sum(gave)
    return new


def share_utility(worth: Floats, bids: Floats, others: Floats, kind: str, rho: float, kept: float) -> float:
    """Utility of one UE of its bids in a trading post; supply is 1."""
    shares = bids / np.maximum(bids + others, 1e-300)
    if kind == "log":
        return float(worth @ np.log(np.maximum(shares, 1e-300)))
    if kind == "ces":
        return float((worth * np.maximum(shares, 1e-100) ** rho).sum() ** (1 / rho))
    return float(worth @ shares + (kept if kind == "quasilinear" else 0.0))


def best_bids(
    worth: Floats, others: Floats, budget: float, kind: str = "linear", rho: float = 1.0
) -> tuple[Floats, float]:
    """Best bids of one UE by a general solver from several starts, and their utility."""
    links = len(worth)
    keeps = kind == "quasilinear"

    def loss(bids: Floats) -> float:
        bids = np.maximum(bids, 0.0)
        return -share_utility(worth, bids, others, kind, rho, budget - bids.sum())

    limit = {"type": "ineq" if keeps else "eq", "fun": lambda bids: budget - bids.sum()}
    best, found = -math.inf, np.zeros(links)
    for favourite in range(-1, links):
        start = np.full(links, 0.1 * budget / links)
        start[favourite if favourite >= 0 else slice(None)] = 0.5 * budget
        start *= 0.9 * budget / start.sum()
        result = minimize(loss, start, bounds=[(0.0, budget)] * links, constraints=[limit],
                          options={"maxiter": 500, "ftol": 1e-15})  # fmt: skip
        if -result.fun > best:
            best, found = -float(result.fun), np.maximum(result.x, 0.0)
    return found, best


def highest_price_first(price: Floats, asked: Floats, supply: Floats) -> Floats:
    """What base stations hand out when they serve the dearest agreement first; of equals the first UE."""
    users, cells = price.shape
    served = np.zeros_like(asked)
    for j in range(cells):
        left = supply[j]
        for i in sorted(range(users), key=lambda i: (-price[i, j], i)):
            served[i, j] = min(asked[i, j], left)
            left -= served[i, j]
    return served
