"""Assigns requests to resources so that the sum of utilities is greatest, as many for a resource as fit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_utility, chosen_price, chosen_utility
from phy.settings import PARAMETERS

from .optimal import best_assignment

_MOST_PAIRS = 200_000
_MOST_NODES = 20  # of branch and bound; time is no limit, so that a run can be repeated
_FEW_SIZES = 8  # of demands, up to which all sums are formed
_MOST_SUMS = 10_000


def best_packing(
    values: NDArray[np.float64],
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    gap: float,
) -> NDArray[np.int64]:
    """Solves the generalised assignment problem by HiGHS; returns the resource of each request, -1 for none.

    Args:
        values: ``[U, Rs]``, at least 0.
        demand: ``[U]``.
        capacity: ``[Rs]``.
        allowed: pairs that may be taken, ``[U, Rs]``.
        gap: relative, at which the solver stops.

    Raises:
        ValueError: there are too many pairs.
        RuntimeError: the solver failed.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    request, resource = np.nonzero(allowed)
    if len(request) > _MOST_PAIRS:
        raise ValueError(
            f"capacity_optimal has {len(request):,} pairs of a request and a resource that may serve it, and solves up "
            f"to {_MOST_PAIRS:,} at once; use fewer requests a round"
        )
    found = np.full(len(demand), -1)
    if not len(request):
        return found
    capacity = reachable_load(demand, capacity)
    pairs = np.arange(len(request))
    once = csr_array((np.ones(len(pairs)), (request, pairs)), shape=(len(demand), len(pairs)))
    load = csr_array((demand[request], (resource, pairs)), shape=(len(capacity), len(pairs)))
    limits = [LinearConstraint(once, ub=1.0), LinearConstraint(load, ub=capacity)]
    worth = -values[request, resource]
    solved = milp(worth, integrality=np.ones(len(pairs)), bounds=Bounds(0, 1), constraints=limits,
                  options={"mip_rel_gap": gap, "node_limit": _MOST_NODES})  # fmt: skip
    if solved.x is None:
        raise RuntimeError(f"HiGHS found no packing: {solved.message}")
    chosen = solved.x > 0.5
    found[request[chosen]] = resource[chosen]
    return found


def reachable_load(demand: NDArray[np.float64], capacity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the largest sum of demands that fits each capacity, which cuts off what no packing reaches, ``[Rs]``.

    Where demands have many values the capacities are returned as they are.

    Args:
        demand: ``[U]``.
        capacity: ``[Rs]``.
    """
    sizes = np.unique(demand[demand > 0])
    if len(sizes) > _FEW_SIZES:
        return capacity
    sums = np.zeros(1)
    for size in sizes:
        most = min(int(capacity.max() / size), int((demand == size).sum()))
        sums = np.unique((sums[:, None] + size * np.arange(most + 1)).reshape(-1))
        sums = sums[sums <= capacity.max()]
        if len(sums) > _MOST_SUMS:
            return capacity
    found: NDArray[np.float64] = sums[np.searchsorted(sums, capacity, side="right") - 1]
    return np.minimum(found * (1.0 + 1e-12), capacity)


@dataclass(config=PARAMETERS)
class CapacityOptimal:
    """Maximises the sum of utilities with as many requests for a resource as fit, by HiGHS, to within ``gap``.

    As published, where a resource serves one request, it is the same as ``optimal``.
    """

    gap: float = Field(default=0.02, ge=0, lt=1)
    """Relative gap to the best solution at which the solver stops; it also stops after 20 nodes of branch and bound."""

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Remembers the rules."""
        self._context = context

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Solves an integer program for each drop."""
        seen, context = observation, self._context
        utility = allowed_utility(seen, context)
        found = []
        for drop in range(len(utility)):
            values = utility[drop].cpu().numpy().astype(np.float64)
            may = values > -np.inf
            if context.as_published:
                found.append(best_assignment(values, may))
                continue
            demand, capacity = (part[drop].cpu().numpy().astype(np.float64) for part in (seen.demand, seen.capacity))
            found.append(best_packing(values, demand, capacity, may, self.gap))
        resource = torch.from_numpy(np.stack(found)).to(context.device)
        return AuctionDecision(resource, chosen_price(seen, resource), chosen_utility(seen, context, resource))
