"""Matches requests to resources greedily, in the order of a score of pairs.

The result is that of going through all pairs in falling order of their scores, without sorting them. Equal scores go by
the number of the request, then of the resource.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mac.auction import AuctionContext, AuctionObservation

from .pair_matching_kernel import loop


def match(score: Tensor, seen: AuctionObservation, context: AuctionContext, one_each: bool | None = None) -> Tensor:
    """Matches the pairs of each drop, best first, int64 ``[B, U]``, -1 for requests that are left over.

    Args:
        score: of each pair, ``[B, U, Rs]``; minus infinity for pairs that are not allowed.
        seen: demands and capacities.
        context: of the run; its rules say how many requests a resource may serve.
        one_each: a resource serves one request; None: as the rules say.
    """
    one_each = context.as_published if one_each is None else one_each
    found = [
        match_pairs(score[drop].cpu().numpy(), _floats(seen.demand[drop]), _floats(seen.capacity[drop]), one_each)
        for drop in range(len(score))
    ]
    return torch.from_numpy(np.stack(found)).to(context.device)


def match_pairs(
    score: NDArray[np.floating],
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    one_each: bool,
    taken: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Matches the pairs of one drop, best first; returns the resource of each request, -1 for none.

    Args:
        score: ``[U, Rs]``; minus infinity for pairs that are not allowed.
        demand: ``[U]``.
        capacity: ``[Rs]``.
        one_each: a resource serves one request.
        taken: what requests have already, ``[U]``, -1 for nothing.
    """
    resource = np.full(len(score), -1) if taken is None else taken.copy()
    left = capacity.copy()
    for request in np.flatnonzero(resource >= 0):
        left[resource[request]] = -1.0 if one_each else left[resource[request]] - demand[request]
    loop()(np.ascontiguousarray(score), demand, left, one_each, resource)
    return resource


def _floats(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.cpu().numpy().astype(np.float64)
    return found
