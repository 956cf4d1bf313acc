"""Computes three optima that differ, and must not be confused, by convex programs: for checks, not for speed.

| name | maximises | budgets |
|---|---|---|
| market equilibrium | sum B log(sum a x), the rate that is bought (Eisenberg, Gale, 1959) | weigh the UEs |
| PF on total rate | sum B log(r + sum a x), the bought rate on top of the rate r of the serving cell | weigh the UEs |
| linear welfare | sum a x | play no part |

The first two are solved by Clarabel, the third by HiGHS, through cvxpy, which the extra ``oracle`` installs.

U UEs, C base stations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Optimum:
    """Holds an optimum and how well it fulfils the conditions of Karush, Kuhn and Tucker.

    Attributes:
        quantity: units of each base station to each UE, ``[U, C]``.
        prices: multipliers of the supplies, ``[C]``.
        utilities: sum a x of each UE, ``[U]``; without the rate of the serving cell.
        objective: what is maximised.
        kkt_residual: the largest breach of stationarity, complementarity and feasibility, over the largest price.
    """

    quantity: Floats
    prices: Floats
    utilities: Floats
    objective: float
    kkt_residual: float


_EXACT = {"CLARABEL": {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}, "HIGHS": {}}


def market_equilibrium(weights: Floats, budgets: Floats, supply: Floats) -> Optimum:
    """Computes the equilibrium of a market with linear utilities.

    Raises:
        ModuleNotFoundError: cvxpy is not installed.
        RuntimeError: the solver failed.
    """
    return pf_on_total_rate(weights, budgets, supply, np.zeros(len(budgets)))


def pf_on_total_rate(weights: Floats, budgets: Floats, supply: Floats, serving_rate: Floats) -> Optimum:
    """Computes the proportionally fair shares on top of rates that UEs have already.

    Args:
        weights: rate of a unit, ``[U, C]``.
        budgets: weight of a UE, ``[U]``.
        supply: units, ``[C]``.
        serving_rate: what the UE has without buying, ``[U]``.

    Raises:
        ModuleNotFoundError: cvxpy is not installed.
        RuntimeError: the solver failed.
    """
    cvxpy = _cvxpy()
    quantity = cvxpy.Variable(weights.shape, nonneg=True)
    total = serving_rate + cvxpy.sum(cvxpy.multiply(weights, quantity), axis=1)
    supplied = cvxpy.sum(quantity, axis=0) <= supply
    _solve(cvxpy, cvxpy.Maximize(budgets @ cvxpy.log(total)), supplied, "CLARABEL")
    bought = np.maximum(quantity.value, 0.0)
    rate = serving_rate + (weights * bought).sum(1)
    gradient = budgets[:, None] * weights / rate[:, None]
    return _optimum(weights, supply, bought, supplied.dual_value, gradient, float(budgets @ np.log(rate)))


def linear_welfare(weights: Floats, supply: Floats) -> Optimum:
    """Computes the greatest sum of utilities; every base station ends up with the UE that values it most.

    Raises:
        ModuleNotFoundError: cvxpy is not installed.
        RuntimeError: the solver failed.
    """
    cvxpy = _cvxpy()
    quantity = cvxpy.Variable(weights.shape, nonneg=True)
    supplied = cvxpy.sum(quantity, axis=0) <= supply
    _solve(cvxpy, cvxpy.Maximize(cvxpy.sum(cvxpy.multiply(weights, quantity))), supplied, "HIGHS")
    bought = np.maximum(quantity.value, 0.0)
    return _optimum(weights, supply, bought, supplied.dual_value, weights, float((weights * bought).sum()))


def kkt_residual(supply: Floats, quantity: Floats, prices: Floats, gradient: Floats) -> float:
    """Computes by how much an allocation breaks the conditions of a maximum under supplies, relative to the prices.

    They are: gradient <= price, with equality where something is bought; no more bought than supplied, with equality
    where the price is above 0; prices not negative.

    Args:
        supply: ``[C]``.
        quantity: ``[U, C]``, at least 0.
        prices: multipliers, ``[C]``.
        gradient: derivatives of the objective by the quantities, ``[U, C]``.
    """
    excess = gradient - prices
    left = supply - quantity.sum(0)
    scale, size = max(float(np.abs(prices).max()), 1e-300), max(float(supply.max()), 1e-300)
    breaches = (
        excess.max() / scale,
        (np.abs(excess) * quantity).max() / (scale * size),
        -left.min() / size,
        (np.abs(left) * prices).max() / (scale * size),
        -prices.min() / scale,
    )
    return float(max(0.0, *breaches))


def _optimum(
    weights: Floats, supply: Floats, quantity: Floats, prices: Floats, gradient: Floats, objective: float
) -> Optimum:
    residual = kkt_residual(supply, quantity, np.asarray(prices), gradient)
    return Optimum(quantity, np.asarray(prices), (weights * quantity).sum(1), objective, residual)


def _solve(cvxpy: Any, objective: Any, supplied: Any, solver: str) -> None:
    problem = cvxpy.Problem(objective, [supplied])
    problem.solve(solver=solver, **_EXACT[solver])
    if problem.status != "optimal":
        raise RuntimeError(f"{solver} ended with status {problem.status}")


def _cvxpy() -> Any:
    try:
        import cvxpy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "optima need cvxpy: install the extra oracle, pip install 'fairwave[oracle]'"
        ) from None
    return cvxpy
