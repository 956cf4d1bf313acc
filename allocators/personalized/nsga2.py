"""Computes a front of PRBs and satisfaction with NSGA-II of pymoo, and judges it by the exact front.

The library is imported at the first use (extra ``pareto``).
"""

from __future__ import annotations

import torch

from .cell import CellUsers
from .front import Front, best_prbs, is_concave, require_targets


def nsga2(ues: CellUsers, population: int = 100, generations: int = 100, seed: int = 0) -> Front:
    """Computes points that NSGA-II finds: x_i from the target to the desired rate, or all PRBs (logistic).

    Args:
        ues: of the cell.
        population: of each generation.
        generations: how many.
        seed: of the search.

    Raises:
        ValueError: targets cannot be met, or pymoo is missing.
    """
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.optimize import minimize
    except ImportError:
        raise ValueError("NSGA-II needs pymoo: pip install 'fairwave[pareto]'") from None
    require_targets(ues)
    found = minimize(_problem(ues), NSGA2(pop_size=population), ("n_gen", generations), seed=seed, verbose=False)
    points = torch.as_tensor(found.F, dtype=torch.float64)
    points = points[points[:, 0].argsort()]
    return Front(points[:, 0], -points[:, 1])


def _problem(ues: CellUsers):  # type: ignore[no-untyped-def]
    """Makes the problem for pymoo."""
    from pymoo.core.problem import Problem

    low = ues.target_prbs()
    most = ues.desired_prbs() if ues.shape == "linear" else torch.full_like(low, ues.prbs)
    high = most.clamp(max=float(ues.prbs)).maximum(low)

    class Cell(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(low), n_obj=2, n_ieq_constr=1, xl=low.numpy(), xu=high.numpy())

        def _evaluate(self, x, out, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
            prbs = torch.as_tensor(x)
            total = prbs.sum(-1)
            out["F"] = torch.stack((total, -ues.satisfaction(prbs).mean(-1)), -1).numpy()
            out["G"] = (total - ues.prbs).numpy()[:, None]

    return Cell()


def hypervolume(front: Front, ues: CellUsers) -> float:
    """Computes the share of the rectangle of all PRBs and satisfactions that the points of a front dominate.

    The reference point is (all PRBs of the cell, satisfaction 0).
    """
    prbs, level = front.prbs / ues.prbs, front.satisfaction.cummax(0).values
    ends = torch.cat((prbs[1:], torch.ones_like(prbs[:1])))
    return float(((ends - prbs).clamp(min=0.0) * level).sum())


def exact_points(ues: CellUsers, points: int = 2000) -> Front:
    """Computes points of the exact front, evenly spaced in PRBs, for its hypervolume.

    Raises:
        ValueError: satisfaction is not concave above the target, or targets cannot be met.
    """
    if not is_concave(ues):
        raise ValueError("satisfaction is not concave above the target; the exact front is dynamic_programming's")
    require_targets(ues)
    least = float(ues.target_prbs().sum())
    budgets = torch.linspace(least, float(ues.prbs), points, dtype=torch.float64)
    allotted = [best_prbs(ues, max(float(budget), least)) for budget in budgets]
    satisfaction = torch.stack([ues.satisfaction(one).mean() for one in allotted])
    return Front(torch.stack([one.sum() for one in allotted]), satisfaction)
