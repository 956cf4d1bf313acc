"""Sells bandwidth: market mechanisms, and the rules that they are compared with.

| module | decides |
|---|---|
| ``competitive`` | prices of the market equilibrium, computed centrally |
| ``trading_post`` | shares in proportion to bids of UEs that anticipate prices |
| ``proportional_response`` | shares in proportion to bids that follow the utility of the last round |
| ``tatonnement`` | posted prices that follow demand |
| ``bargaining`` | one round of bilateral agreements |
| ``equal_share``, ``max_weight``, ``random_share`` | without prices: even shares, the greatest weight, chance |

| module | computes |
|---|---|
| ``solver`` | ``solve_market``: prices, shares, utilities and a certificate, for notebooks |
| ``equilibrium`` | the competitive equilibrium by accelerated proportional response |
| ``best_response`` | best bids of a UE that anticipates prices |
| ``optima`` | the three named optima by convex programs (extra ``oracle``) |
| ``settling`` | when each market of a batch has settled |
| ``contract`` | checks of the contract |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .solver import MarketSolution, solve, solve_market

__all__ = ["ALLOCATORS", "CONTRACT", "MarketSolution", "solve", "solve_market"]

ALLOCATORS = {
    "competitive": "allocators.market.competitive:Competitive",
    "trading_post": "allocators.market.trading_post:TradingPost",
    "proportional_response": "allocators.market.proportional_response:ProportionalResponse",
    "tatonnement": "allocators.market.tatonnement:Tatonnement",
    "bargaining": "allocators.market.bargaining:Bargaining",
    "equal_share": "allocators.market.equal_share:EqualShare",
    "max_weight": "allocators.market.max_weight:MaxWeight",
    "random_share": "allocators.market.random_share:RandomShare",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.market.contract:CHECK"


def __getattr__(name: str) -> Any:
    """Imports the functions for notebooks at their first use, so that ``fairwave list`` needs no torch."""
    if name not in ("MarketSolution", "solve", "solve_market"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import solver as module

    return getattr(module, name)
