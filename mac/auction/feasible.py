"""Checks decisions of auctions: capacity, allowed pairs, budgets."""

from __future__ import annotations

import torch

from ..core.contracts import InfeasibleDecision
from ..core.feasible import raise_where, require_tensor
from .scoring import allowed_pairs, with_resource
from .types import AuctionContext, AuctionDecision, AuctionObservation

_ROUNDING = 1e-6  # relative


def require_auction_decision(
    decision: object, observation: AuctionObservation, context: AuctionContext
) -> AuctionDecision:
    """Returns the decision if every served request is allowed, pays no more than its budget, and resources suffice.

    Raises:
        InfeasibleDecision: it is not so; it names the drop where a value is at fault.
    """
    if not isinstance(decision, AuctionDecision):
        raise InfeasibleDecision(f"decide() must return an AuctionDecision, not {type(decision).__name__}")
    seen, drops, shape = observation, context.drops, tuple(observation.demand.shape)
    resource = require_tensor(decision.resource, "AuctionDecision.resource", shape, torch.int64, context.device)
    price = require_tensor(decision.price, "AuctionDecision.price", shape, seen.demand.dtype, context.device)
    last = context.resources - 1
    raise_where(
        (resource < -1) | (resource > last),
        drops,
        lambda at: f"request {at[1]} goes to resource {int(resource[at])}: use 0 to {last}, or -1 for none",
    )
    served = resource >= 0
    raise_where(
        ~(price.isfinite() & (price >= 0) & (price <= torch.where(served, seen.budget, 0.0) * (1.0 + _ROUNDING))),
        drops,
        lambda at: (
            f"request {at[1]} pays {float(price[at]):g}: at least 0, at most its budget "
            f"{float(seen.budget[at]):g}, and 0 where it is not served"
        ),
    )
    allowed = allowed_pairs(with_resource(seen, resource)).view(shape)
    raise_where(
        served & ~allowed,
        drops,
        lambda at: (
            f"request {at[1]} goes to resource {int(resource[at])}, which is too small, too dear, too bad or too "
            "far for it"
        ),
    )
    _require_capacity(decision, seen, context)
    return decision


def _require_capacity(decision: AuctionDecision, seen: AuctionObservation, context: AuctionContext) -> None:
    served = decision.resource >= 0
    index = decision.resource.clamp(min=0)
    used = torch.zeros_like(seen.capacity).scatter_add_(1, index, torch.where(served, seen.demand, 0.0))
    raise_where(
        used > seen.capacity * (1.0 + _ROUNDING),
        context.drops,
        lambda at: f"resource {at[1]} serves a demand of {float(used[at]):g} with {float(seen.capacity[at]):g}",
    )
    if context.as_published:
        count = torch.zeros_like(seen.capacity).scatter_add_(1, index, served.to(seen.capacity.dtype))
        raise_where(
            count > 1, context.drops, lambda at: f"resource {at[1]} serves {int(count[at])} requests; as published, one"
        )
