"""Computes the utility of serving a request by a resource, what it is asked to pay, and whether it is allowed.

U = a max(0, 1 - cost d / budget) + b (mean of reliability and availability + nearness / 2) + c energy + d priority / 10
with nearness max(0, 1 - distance / 200 m). Source: arXiv 2508.14830, as in its published run. The quality part reaches
1.5, so that U may exceed 1; on the common metric it is divided by 1.5 and the weights by their sum: 0 to 1.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .types import AuctionContext, AuctionObservation

_FAR_M = 200.0
_MOST_QUALITY = 1.5
_BLOCK = {"cpu": 1 << 16, "cuda": 1 << 24}  # pairs computed at once: on a CPU so many that they stay in its cache
_OF_RESOURCES = ("capacity", "unit_cost", "position_m", "reliability", "availability", "energy", "price_factor")
_OF_REQUESTS = (
    "demand",
    "budget",
    "priority",
    "request_position_m",
    "least_reliability",
    "least_availability",
    "most_distance_m",
)


def pair_utility(seen: AuctionObservation, context: AuctionContext) -> Tensor:
    """Computes the utility of each pair, ``[B, U, Rs]``."""
    return _in_blocks(seen, lambda some: _utility(some, context, _distance_m(some)), seen.demand.dtype)


def asked_price(seen: AuctionObservation) -> Tensor:
    """Computes unit cost times demand times the price factor of each pair, ``[B, U, Rs]``."""
    return (seen.unit_cost * seen.price_factor)[:, None, :] * seen.demand[..., None]


def allowed_pairs(seen: AuctionObservation) -> Tensor:
    """Returns the pairs in which the resource is large and good enough and asks for no more than the budget.

    Bool ``[B, U, Rs]``.
    """
    return _in_blocks(seen, _allowed, torch.bool)


def allowed_utility(seen: AuctionObservation, context: AuctionContext) -> Tensor:
    """Computes the utility of each allowed pair, minus infinity elsewhere, ``[B, U, Rs]``."""

    def of_block(some: AuctionObservation) -> Tensor:
        distance_m = _distance_m(some)
        return torch.where(_allowed(some, distance_m), _utility(some, context, distance_m), -torch.inf)

    return _in_blocks(seen, of_block, seen.demand.dtype)


def count_allowed(seen: AuctionObservation) -> Tensor:
    """Counts the allowed pairs of each drop, int64 ``[B]``."""
    counts = (_allowed(some).sum((1, 2)) for _, some in _blocks(seen))
    return torch.stack(list(counts)).sum(0)


def with_resource(seen: AuctionObservation, resource: Tensor) -> AuctionObservation:
    """Returns the observation of B U drops, in each of which one request is alone with its resource.

    Args:
        seen: of the round.
        resource: int64 ``[B, U]``; -1 stands for none, for which the first one is taken.
    """
    index = resource.clamp(min=0)
    parts: dict[str, Any] = {name: _chosen(getattr(seen, name), index) for name in _OF_RESOURCES}
    alone = {name: getattr(seen, name).flatten(0, 1)[:, None] for name in _OF_REQUESTS}
    return replace(seen, **parts, **alone)


def chosen_utility(seen: AuctionObservation, context: AuctionContext, resource: Tensor) -> Tensor:
    """Computes the utility of each request's pair, 0 where it is not served, ``[B, U]``.

    Args:
        seen: of the round.
        context: of the run.
        resource: int64 ``[B, U]``.
    """
    found = pair_utility(with_resource(seen, resource), context).view(resource.shape)
    return torch.where(resource >= 0, found, 0.0)


def chosen_price(seen: AuctionObservation, resource: Tensor) -> Tensor:
    """Computes the price asked of each request's pair, 0 where it is not served, ``[B, U]``.

    Args:
        seen: of the round.
        resource: int64 ``[B, U]``.
    """
    found = asked_price(with_resource(seen, resource)).view(resource.shape)
    return torch.where(resource >= 0, found, 0.0)


def _utility(seen: AuctionObservation, context: AuctionContext, distance_m: Tensor) -> Tensor:
    weights = context.weights
    if not context.as_published:
        total = sum(weights)
        weights = (weights[0] / total, weights[1] / total / _MOST_QUALITY, weights[2] / total, weights[3] / total)
    cost = seen.unit_cost[:, None] * seen.demand[..., None]
    saved = (1.0 - cost / seen.budget[..., None]).clamp(min=0.0)
    nearness = (1.0 - distance_m / _FAR_M).clamp(min=0.0)
    quality = (0.5 * (seen.reliability + seen.availability))[:, None] + 0.5 * nearness
    alike = weights[2] * seen.energy[:, None], (weights[3] * (seen.priority / 10.0))[..., None]
    return weights[0] * saved + weights[1] * quality + alike[0] + alike[1]


def _allowed(seen: AuctionObservation, distance_m: Tensor | None = None) -> Tensor:
    """Checks pairs; a condition that the worst resource meets for the most demanding request is met by all."""
    shape = (*seen.demand.shape, seen.capacity.shape[1])
    allowed = torch.ones(shape, dtype=torch.bool, device=seen.demand.device)
    farthest = 2.0 * (seen.position_m.abs().max() + seen.request_position_m.abs().max())  # more than any distance
    if not bool(farthest <= seen.most_distance_m.min()):
        allowed = (_distance_m(seen) if distance_m is None else distance_m) <= seen.most_distance_m[..., None]
    for has, needs in (
        (seen.capacity, seen.demand),
        (seen.reliability, seen.least_reliability),
        (seen.availability, seen.least_availability),
    ):
        if not bool(has.min() >= needs.max()):
            allowed &= has[:, None] >= needs[..., None]
    if not bool((seen.unit_cost * seen.price_factor).max() * seen.demand.max() <= seen.budget.min()):
        allowed &= asked_price(seen) <= seen.budget[..., None]
    return allowed


def _distance_m(seen: AuctionObservation) -> Tensor:
    x, y = (
        seen.position_m[:, None, :, axis].contiguous() - seen.request_position_m[:, :, None, axis] for axis in (0, 1)
    )
    return (x * x + y * y).sqrt()


def _in_blocks(seen: AuctionObservation, pairs: Callable[[AuctionObservation], Tensor], dtype: torch.dtype) -> Tensor:
    """Computes something of all pairs, ``[B, U, Rs]``, a block of requests at a time."""
    shape = (*seen.demand.shape, seen.capacity.shape[1])
    found = torch.empty(shape, dtype=dtype, device=seen.demand.device)
    for first, some in _blocks(seen):
        found[:, first : first + some.demand.shape[1]] = pairs(some)
    return found


def _blocks(seen: AuctionObservation) -> Iterator[tuple[int, AuctionObservation]]:
    """Cuts requests into blocks; yields the number of the first request of each, and the observation of them alone."""
    (drops, users), resources = seen.demand.shape, seen.capacity.shape[1]
    size = max(1, _BLOCK["cuda" if seen.demand.is_cuda else "cpu"] // (drops * resources))
    for first in range(0, users, size):
        yield first, replace(seen, **{name: getattr(seen, name)[:, first : first + size] for name in _OF_REQUESTS})


def _chosen(values: Tensor, index: Tensor) -> Tensor:
    """Returns the values of each request's resource as those of the one resource of B U drops, ``[B U, 1, ...]``."""
    drop = torch.arange(len(index), device=index.device)[:, None]
    return values[drop, index].flatten(0, 1)[:, None]
