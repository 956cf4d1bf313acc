"""Computes the utility of serving a request by a resource, what it is asked to pay, and whether it is allowed.

U = a max(0, 1 - cost d / budget) + b (mean of reliability and availability + nearness / 2) + c energy + d priority / 10
with nearness max(0, 1 - distance / 200 m). Source: arXiv 2508.14830, as in its published run. The quality part reaches
1.5, so that U may exceed 1; on the common metric it is divided by 1.5 and the weights by their sum: 0 to 1.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .types import AuctionContext, AuctionObservation

_FAR_M = 200.0
_MOST_QUALITY = 1.5


def pair_utility(seen: AuctionObservation, context: AuctionContext) -> Tensor:
    """Computes the utility of each pair, ``[B, U, Rs]``."""
    parts = _parts(seen)
    weights = context.weights
    if not context.as_published:
        total = sum(weights)
        weights = (weights[0] / total, weights[1] / total / _MOST_QUALITY, weights[2] / total, weights[3] / total)
    return weights[0] * parts[0] + weights[1] * parts[1] + weights[2] * parts[2] + weights[3] * parts[3]


def asked_price(seen: AuctionObservation) -> Tensor:
    """Computes unit cost times demand times the price factor of each pair, ``[B, U, Rs]``."""
    return (seen.unit_cost * seen.price_factor)[:, None, :] * seen.demand[..., None]


def allowed_pairs(seen: AuctionObservation) -> Tensor:
    """Returns the pairs in which the resource is large and good enough and asks for no more than the budget.

    Bool ``[B, U, Rs]``.
    """
    return (
        (seen.capacity[:, None] >= seen.demand[..., None])
        & (asked_price(seen) <= seen.budget[..., None])
        & (seen.reliability[:, None] >= seen.least_reliability[..., None])
        & (seen.availability[:, None] >= seen.least_availability[..., None])
        & (_distance_m(seen) <= seen.most_distance_m[..., None])
    )


def of_resource(pairs: Tensor, resource: Tensor) -> Tensor:
    """Returns the value of each request's pair, 0 where it is not served, ``[B, U]``.

    Args:
        pairs: ``[B, U, Rs]``.
        resource: int64 ``[B, U]``.
    """
    chosen = pairs.gather(2, resource.clamp(min=0)[..., None])[..., 0]
    return torch.where(resource >= 0, chosen, torch.zeros_like(chosen))


def _parts(seen: AuctionObservation) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    cost = seen.unit_cost[:, None] * seen.demand[..., None]
    saved = (1.0 - cost / seen.budget[..., None]).clamp(min=0.0)
    nearness = (1.0 - _distance_m(seen) / _FAR_M).clamp(min=0.0)
    quality = (0.5 * (seen.reliability + seen.availability))[:, None] + 0.5 * nearness
    return saved, quality, seen.energy[:, None], (seen.priority / 10.0)[..., None]


def _distance_m(seen: AuctionObservation) -> Tensor:
    x = seen.position_m[:, None, :, 0] - seen.request_position_m[:, :, None, 0]
    y = seen.position_m[:, None, :, 1] - seen.request_position_m[:, :, None, 1]
    return (x * x + y * y).sqrt()
