"""Finds when each market of a batch has settled, and keeps what was traded then."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from mac.market import Market, MarketDecision
from mac.market.equilibrium_gap import equilibrium_gap

_EVERY = 5  # rounds between two looks, each of which takes about as long as a round


class Settling:
    """Follows the rounds of a batch of markets; what a drop traded when it settled does not depend on the others.

    Attributes:
        result: what was traded in the round in which each drop settled, or in the last one.
    """

    def __init__(self, market: Market, rounds: int) -> None:
        self._market, self._rounds = market, rounds
        self.result: MarketDecision

    def is_time(self, number: int) -> bool:
        """Checks whether to look in this round: in the first, every fifth and the last."""
        return number % _EVERY == 0 or number in (1, self._rounds)

    def note(self, number: int, traded: MarketDecision, tolerance: float) -> bool:
        """Looks at a round by the gap to the equilibrium; returns whether all drops have settled."""
        gap = equilibrium_gap(self._market, traded.quantity, traded.spend, traded.prices)
        return self.keep(number, traded, gap <= tolerance)

    def keep(self, number: int, traded: MarketDecision, settled: Tensor) -> bool:
        """Keeps what was traded in the drops that had not settled before; returns whether all have now."""
        traded = replace(traded, rounds=torch.full_like(traded.rounds, number), converged=settled)
        self.result = traded if number == 1 else merged(self.result, traded)
        return bool(self.result.converged.all())


def merged(before: MarketDecision, now: MarketDecision) -> MarketDecision:
    """Returns what drops traded that had settled before, and what the others trade now."""
    done = before.converged
    if not bool(done.any()):
        return now
    kept = {}
    for field in fields(MarketDecision):
        old, new = getattr(before, field.name), getattr(now, field.name)
        if old is not None:
            kept[field.name] = torch.where(done.view(-1, *(1,) * (old.dim() - 1)), old, new)
    return MarketDecision(**kept)
