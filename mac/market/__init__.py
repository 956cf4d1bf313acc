"""Runs markets of bandwidth without a radio: weights, budgets and supply go in, prices and shares come out.

| name | holds |
|---|---|
| ``Market`` | links, weights, budgets, supply, reserve prices and utility: what a mechanism sees |
| ``Utility`` | linear, logarithmic, CES or quasi-linear |
| ``MarketContext`` | what stays the same over a run, given to ``reset`` |
| ``MarketObservation`` | the market of an interval, given to ``decide`` |
| ``MarketDecision`` | quantities, payments and prices, returned by ``decide`` |

| module | computes |
|---|---|
| ``types`` | the five above |
| ``utility`` | utilities, unit costs, demands |
| ``equilibrium_gap`` | how far an allocation is from the market equilibrium, envy |
| ``problem`` | random markets, interval by interval |
| ``feasible`` | checks of decisions |
| ``settings`` | size and spread of random markets |
| ``market_metrics`` | welfare against optima, revenue, rounds |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import Market, MarketContext, MarketDecision, MarketObservation, Utility

__all__ = ["Market", "MarketContext", "MarketDecision", "MarketObservation", "Utility"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
