"""Runs auctions of computing resources: requests ask for capacity, an allocator matches and charges, round by round.

| name | holds |
|---|---|
| ``AuctionContext`` | what stays the same over a run, given to ``reset`` |
| ``AuctionObservation`` | resources, requests and price factors of a round, given to ``decide`` |
| ``AuctionDecision`` | resource and price of each request, returned by ``decide`` |
| ``UNSERVED`` | the resource of a request that is not served |

| module | computes |
|---|---|
| ``types`` | the four above |
| ``scoring`` | utility of each pair, prices asked, which pairs are allowed |
| ``problem`` | rounds of auctions, with prices that follow utilisation |
| ``sources`` | requests and resources: drawn, from a trace, or as in the published run |
| ``trace`` | requests of Google cluster data 2011 |
| ``feasible`` | checks of decisions |
| ``settings`` | mode, weights, price rule, floors |
| ``auction_metrics`` | efficiency, revenue, fairness |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import UNSERVED, AuctionContext, AuctionDecision, AuctionObservation

__all__ = ["UNSERVED", "AuctionContext", "AuctionDecision", "AuctionObservation"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
