"""Computes the Pareto front of one cell in the first interval of a drop."""

from __future__ import annotations

from typing import Any

import torch

from allocators.personalized.cell import CellUsers
from allocators.personalized.front import Front, dynamic_programming, is_concave, sweep
from allocators.personalized.nsga2 import exact_points, hypervolume, nsga2
from mac.personalized import Zones
from phy.random import Drops

from ...errors import ScenarioError
from ..schema import ScenarioBase

_UNITS_PER_PRB = 4


def front_of_cell(scenario: ScenarioBase, drop: int, cell: int, generations: int) -> dict[str, Any]:
    """Returns the exact front, and the share of its hypervolume that NSGA-II reaches (0 generations: not computed).

    Raises:
        ScenarioError: another family, a cell that does not exist or has no UEs, targets that cannot be met.
    """
    ues = _first_interval(scenario, drop, cell)
    try:
        exact = sweep(ues) if is_concave(ues) else _feasible(dynamic_programming(ues, ues.prbs, _UNITS_PER_PRB)[0])
        found: dict[str, Any] = {"prbs": exact.prbs.tolist(), "satisfaction": exact.satisfaction.tolist()}
        if generations:
            best = exact_points(ues) if is_concave(ues) else exact
            ratio = hypervolume(nsga2(ues, generations=generations), ues) / hypervolume(best, ues)
            found = {**found, "hypervolume_ratio": ratio}
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    return found


def _feasible(front: Front) -> Front:
    kept = front.satisfaction.isfinite()
    return Front(front.prbs[kept], front.satisfaction[kept])


def _first_interval(scenario: ScenarioBase, drop: int, cell: int) -> CellUsers:
    """Returns the UEs of a cell as an allocator observes them before the first interval."""
    from .scenario import PersonalizedScenario, build

    if not isinstance(scenario, PersonalizedScenario):
        raise ScenarioError(f"'{scenario.name}' is of the family {scenario.family}, not personalized")
    if cell >= scenario.cells:
        raise ScenarioError(f"--cell {cell} does not exist; the scenario has {scenario.cells}, counted from 0")
    problem = build(scenario, Drops(scenario.seed, (drop,)), torch.device("cpu"), torch.float64)
    seen, context = problem.observe(problem.start()), problem.context
    here = ((seen.serving[0] == cell) & (seen.bps_per_prb[0] > 0)).nonzero()[:, 0]
    if not len(here):
        raise ScenarioError(f"no user of drop {drop} is reached by cell {cell}; take another --drop or --cell")
    zones = Zones(seen.zones.adequate_bps[0, here], seen.zones.desired_bps[0, here])
    return CellUsers(seen.bps_per_prb[0, here], zones, context.prbs, context.shape, context.target)
