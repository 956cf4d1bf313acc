"""Assigns requests to resources so that the sum of utilities is greatest, one request for each resource."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.scoring import allowed_utility, chosen_price, chosen_utility
from phy.settings import PARAMETERS


def best_assignment(values: NDArray[np.floating], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Finds the assignment of the greatest sum; returns the column of each row, -1 for none.

    Args:
        values: ``[U, Rs]``; pairs of value 0 or less are never taken.
        allowed: pairs that may be taken, ``[U, Rs]``.
    """
    from scipy.optimize import linear_sum_assignment

    worth = np.where(allowed, np.maximum(values, 0.0), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    found = np.full(len(values), -1)
    taken = worth[rows, columns] > 0
    found[rows[taken]] = columns[taken]
    return found


@dataclass(config=PARAMETERS)
class Optimal:
    """Maximises the sum of utilities with one request for each resource, by the Jonker-Volgenant algorithm.

    A bound where a resource serves one request, as published. On the common metric, where more may fit, it is none.

    Source: Agrawal et al., "MOHAF: A multi-objective hierarchical auction framework for scalable and fair resource
    allocation in IoT ecosystems", arXiv 2508.14830, which compares with it.
    """

    def reset(self, context: AuctionContext, seed: int) -> None:
        """Remembers the rules."""
        self._context = context

    def decide(self, observation: AuctionObservation) -> AuctionDecision:
        """Solves an assignment problem for each drop."""
        seen, context = observation, self._context
        utility = allowed_utility(seen, context).cpu().numpy()
        found = [best_assignment(values, values > -np.inf) for values in utility]
        resource = torch.from_numpy(np.stack(found)).to(context.device)
        return AuctionDecision(resource, chosen_price(seen, resource), chosen_utility(seen, context, resource))
