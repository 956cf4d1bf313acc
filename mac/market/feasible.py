"""Checks what a market mechanism has traded: shapes, supply and budgets."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..core.contracts import InfeasibleDecision
from ..core.feasible import Place, raise_where, require_tensor
from .types import MarketContext, MarketDecision, MarketObservation

_ROUNDING = 1e-6  # relative


def require_market_decision(decision: object, observation: MarketObservation, context: MarketContext) -> MarketDecision:
    """Returns the decision if no base station sells more than it has and no UE pays more than its budget.

    Raises:
        InfeasibleDecision: it does; it names the drop where a value is at fault.
    """
    if not isinstance(decision, MarketDecision):
        raise InfeasibleDecision(f"decide() must return a MarketDecision, not {type(decision).__name__}")
    market, drops = observation.market, context.drops
    shape, dtype = tuple(market.weights.shape), market.weights.dtype
    batch = shape[:1]
    for name, kind, wanted in (
        ("quantity", dtype, shape),
        ("spend", dtype, shape),
        ("prices", dtype, tuple(market.supply.shape)),
        ("rounds", torch.int64, batch),
        ("converged", torch.bool, batch),
    ):
        value = require_tensor(getattr(decision, name), f"MarketDecision.{name}", wanted, kind, context.device)
        if kind == dtype:
            raise_where(~(value.isfinite() & (value >= 0)), drops, partial(_negative, name, value))
    sold, paid = market.at_cells(decision.quantity), decision.spend.sum(-1)
    raise_where(
        sold > market.supply * (1.0 + _ROUNDING),
        drops,
        lambda at: f"base station {at[1]} sells {float(sold[at]):g} of {float(market.supply[at]):g}",
    )
    raise_where(
        paid > market.budgets * (1.0 + _ROUNDING),
        drops,
        lambda at: f"UE {at[1]} pays {float(paid[at]):g} with a budget of {float(market.budgets[at]):g}",
    )
    raise_where(
        (decision.quantity > 0) & ~market.links,
        drops,
        lambda at: f"UE {at[1]} buys on link {at[2]}, where it has no weight, no budget or no supply",
    )
    return decision


def _negative(name: str, value: Tensor, at: Place) -> str:
    return f"MarketDecision.{name} at {list(at[1:])} is {float(value[at]):g}: use a finite number of at least 0"
