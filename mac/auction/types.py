"""Declares what an auctioneer is given at ``reset``, observes in each round, and decides.

B drops, U requests, Rs resources.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

UNSERVED = -1
"""Resource of a request that is not served."""


@dataclass(frozen=True)
class AuctionContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    requests: int  # of a round
    resources: int
    as_published: bool  # the rules of the published run: a resource serves one request, prices do not iterate
    weights: tuple[float, float, float, float]  # of cost, quality, energy and priority in the utility
    device: torch.device


@dataclass(frozen=True)
class AuctionObservation:
    """Holds resources and requests of a round."""

    interval: int
    capacity: Tensor  # [B, Rs]
    unit_cost: Tensor  # [B, Rs] money for a unit of demand
    position_m: Tensor  # [B, Rs, 2]
    reliability: Tensor  # [B, Rs]
    availability: Tensor  # [B, Rs]
    energy: Tensor  # [B, Rs] efficiency, 0 to 1
    price_factor: Tensor  # [B, Rs] by which unit costs are multiplied: above 1 where much is used
    demand: Tensor  # [B, U]
    budget: Tensor  # [B, U]
    priority: Tensor  # [B, U] 0 to 10
    request_position_m: Tensor  # [B, U, 2]
    least_reliability: Tensor  # [B, U]
    least_availability: Tensor  # [B, U]
    most_distance_m: Tensor  # [B, U] stands for a latency


@dataclass(frozen=True)
class AuctionDecision:
    """Holds the resource that serves each request, and its price."""

    resource: Tensor  # [B, U] int64, or UNSERVED
    price: Tensor  # [B, U] money; 0 where not served
    claimed: Tensor | None = None  # [B, U] utility by which the mechanism was scored in its publication
