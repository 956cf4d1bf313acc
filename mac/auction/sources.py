"""Makes requests and resources of auctions: drawn, from the demands of a trace, or exactly as in the published run.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops, uniform

_PUBLISHED_SEED = 42
_PRIORITY = 8.0
_SIDE_M = 200.0  # of the square around the origin in which all stand
_RANGES = ((0.5, 1.0), (0.3, 0.8), (-100.0, 100.0), (-100.0, 100.0), (0.95, 1.0), (0.95, 1.0), (0.6, 0.9))
"""Capacity, unit cost, x, y, availability, reliability, energy efficiency of a resource, in the order of drawing."""


@dataclass(frozen=True)
class Resources:
    """Holds the resources of a batch of drops."""

    capacity: Tensor  # [B, Rs]
    unit_cost: Tensor  # [B, Rs]
    position_m: Tensor  # [B, Rs, 2]
    availability: Tensor  # [B, Rs]
    reliability: Tensor  # [B, Rs]
    energy: Tensor  # [B, Rs]

    @classmethod
    def of(cls, drawn: Tensor) -> Resources:
        """Makes them of their seven numbers, ``[B, Rs, 7]``."""
        capacity, cost, x, y, availability, reliability, energy = drawn.unbind(-1)
        return cls(capacity, cost, torch.stack((x, y), -1), availability, reliability, energy)


@dataclass(frozen=True)
class Requests:
    """Holds the requests of a round."""

    demand: Tensor  # [B, U]
    budget: Tensor  # [B, U]
    priority: Tensor  # [B, U]
    position_m: Tensor  # [B, U, 2]

    @classmethod
    def of(cls, demand: Tensor, priority: Tensor, position_m: Tensor) -> Requests:
        """Makes them with budgets 20 d + 5 p, as in the published run."""
        return cls(demand, 20.0 * demand + 5.0 * priority, priority, position_m)


def published(drops: Drops, demands: Tensor, resources: int) -> tuple[Resources, Requests]:
    """Draws as the published run does, with Python's generator: first all resources, then the positions of requests.

    Args:
        drops: drop 0 has the published seed 42, drop n has 42 + n.
        demands: of the requests, ``[U]``.
        resources: their number.
    """
    drawn, places = [], []
    for drop in drops.ids:
        draw = random.Random(_PUBLISHED_SEED + drop).uniform
        drawn.append([[draw(low, high) for low, high in _RANGES] for _ in range(resources)])
        places.append([[draw(-100.0, 100.0), draw(-100.0, 100.0)] for _ in range(len(demands))])
    demand = demands.expand(len(drops), -1)
    position_m = torch.tensor(places, dtype=torch.float64)
    made = Requests.of(demand, torch.full_like(demand, _PRIORITY), position_m)
    return Resources.of(torch.tensor(drawn, dtype=torch.float64)), made


def drawn_resources(drops: Drops, count: int) -> Resources:
    """Draws resources from the ranges of the published run; the stream is "auction/resources"."""
    low, high = torch.tensor(_RANGES, dtype=torch.float64).unbind(-1)
    return Resources.of(low + (high - low) * uniform(drops.keys("auction/resources"), (count, len(_RANGES))))


def drawn_requests(drops: Drops, count: int, round_: int, demands: Tensor | None) -> Requests:
    """Draws the requests of a round; streams "auction/position", "auction/demand", "auction/priority".

    Demands are 0.05 to 0.6 and priorities 1 to 10 (ours) unless demands are given, which have priority 8.

    Args:
        drops: the drops.
        count: requests of a round.
        round_: its number.
        demands: of the requests of this round, ``[U]``; None: drawn.
    """
    place = uniform(drops.keys("auction/position"), (count, 2), start=2 * count * round_)
    position_m = _SIDE_M * (place - 0.5)
    if demands is not None:
        demand = demands.expand(len(drops), -1)
        return Requests.of(demand, torch.full_like(demand, _PRIORITY), position_m)
    demand = 0.05 + 0.55 * uniform(drops.keys("auction/demand"), (count,), start=count * round_)
    priority = 1.0 + 9.0 * uniform(drops.keys("auction/priority"), (count,), start=count * round_)
    return Requests.of(demand, priority, position_m)
