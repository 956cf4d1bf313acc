"""Computes core payments nearest to VCG: no coalition of bidders would pay more for what the winners got.

Constraints of coalitions are found as they are broken: at payments p the coalition that objects most is the best
allocation when winners bid their values less what they would save. Of the core payments of least revenue the nearest to
VCG in the Euclidean sense is taken. Source: Day, Raghavan, Management Science 53(9), 2007; Day, Cramton, Operations
Research 60(3), 2012.

U bidders.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .winner_determination import Bids, best_bids, welfare_of

Floats = NDArray[np.float64]

_EXACT = 1e-9  # of the welfare, up to which an objection does not count
_MOST_ROUNDS = 1000


def nearest_core_payments(bids: Bids, chosen: NDArray[np.int64], vcg: Floats) -> Floats:
    """Computes the payment of each bidder, ``[U]``.

    Args:
        bids: the bids.
        chosen: the column that each bidder wins, -1 for none.
        vcg: VCG payments, ``[U]``.

    Raises:
        RuntimeError: the payments did not settle.
    """
    winners = np.flatnonzero(chosen >= 0)
    worth = bids.values[winners, chosen[winners]]
    payments, rows, limits = vcg.copy(), [], []
    for _ in range(_MOST_ROUNDS):
        surplus = np.zeros(len(vcg))
        surplus[winners] = worth - payments[winners]
        reduced = replace(bids, values=np.maximum(bids.values - surplus[:, None], 0.0))
        coalition = best_bids(reduced)
        objection = welfare_of(reduced, coalition)
        if objection <= payments.sum() + _EXACT * max(1.0, worth.sum()):
            return payments
        outside = (coalition[winners] < 0).astype(np.float64)
        rows.append(outside)
        limits.append(objection - float(payments[winners] @ (1.0 - outside)))
        payments[winners] = _nearest(vcg[winners], worth, np.array(rows), np.array(limits))
    raise RuntimeError("core payments did not settle")


def _nearest(vcg: Floats, worth: Floats, rows: Floats, limits: Floats) -> Floats:
    """Finds the least sum of payments, then the distance to VCG, with ``rows p >= limits`` and VCG <= p <= worth."""
    from scipy.optimize import linprog, minimize

    bounds = list(zip(vcg, np.maximum(worth, vcg), strict=True))
    cheapest = linprog(np.ones(len(vcg)), A_ub=-rows, b_ub=-limits, bounds=bounds)
    if cheapest.x is None:
        raise RuntimeError(f"HiGHS found no core payments: {cheapest.message}")
    conditions = [
        {"type": "eq", "fun": lambda p: p.sum() - cheapest.fun, "jac": lambda p: np.ones_like(p)},
        {"type": "ineq", "fun": lambda p: rows @ p - limits, "jac": lambda p: rows},
    ]
    scale = max(1.0, float(worth.max()))
    nearest = minimize(lambda p: float(((p - vcg) ** 2).sum()) / scale**2, cheapest.x, bounds=bounds,
                       jac=lambda p: 2 * (p - vcg) / scale**2, constraints=conditions, method="SLSQP",
                       options={"ftol": 1e-14, "maxiter": 500})  # fmt: skip
    found: Floats = nearest.x if nearest.success else cheapest.x
    return found
