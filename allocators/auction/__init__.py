"""Matches requests to resources and charges them: auctions and what they are compared with.

| module | decides |
|---|---|
| ``mohaf`` | by the hierarchical auction: within clusters, then among all, by utility |
| ``first_price`` | the highest offers win and pay what they offered |
| ``vickrey`` | the highest offers win and pay the next one |
| ``greedy`` | the highest prices, or utilities, first |
| ``random_order`` | pairs in an order drawn at random |
| ``optimal`` | the greatest sum of utilities, one request for each resource |
| ``capacity_optimal`` | the greatest sum of utilities, as many requests for a resource as fit |

| module | computes |
|---|---|
| ``pair_matching``, ``pair_matching_kernel`` | greedy matching in the order of a score |
| ``values`` | ``solve_auction``: winners, payments and welfare of a table of values, for notebooks |
| ``core_payments`` | payments nearest to VCG that no coalition can object to |
| ``contract`` | checks of the contract |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import AuctionResult, solve_auction

__all__ = ["ALLOCATORS", "CONTRACT", "AuctionResult", "solve_auction"]

ALLOCATORS = {
    "mohaf": "allocators.auction.mohaf:Mohaf",
    "first_price": "allocators.auction.first_price:FirstPrice",
    "vickrey": "allocators.auction.vickrey:Vickrey",
    "greedy": "allocators.auction.greedy:Greedy",
    "random_order": "allocators.auction.random_order:RandomOrder",
    "optimal": "allocators.auction.optimal:Optimal",
    "capacity_optimal": "allocators.auction.capacity_optimal:CapacityOptimal",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.auction.contract:CHECK"


def __getattr__(name: str) -> Any:
    """Imports the functions for notebooks at their first use, so that ``fairwave list`` needs no torch."""
    if name not in ("AuctionResult", "solve_auction"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import values

    return getattr(values, name)
