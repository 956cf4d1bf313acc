"""Runs random markets, one a drop, with new weights in every interval.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops, normal, uniform

from ..core.contracts import ArraySpec, Outcome
from .equilibrium_gap import envy_freeness, equilibrium_gap
from .feasible import require_market_decision
from .settings import MarketSettings
from .types import Market, MarketContext, MarketDecision, MarketObservation
from .utility import utilities

_BITS = 1e6  # served bits of a unit of weight times quantity, so that rates are in Mbit/s
MOST_ENVY = 2000  # UEs up to which envy, a matter of pairs, is computed

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "utility": ArraySpec(("user",), "1", "sum", "utility of what a UE bought"),
    "paid": ArraySpec(("user",), "money", "sum", "money that a UE paid"),
    "budget": ArraySpec(("user",), "money", "sum", "money that a UE had"),
    "sold": ArraySpec(("cell",), "1", "sum", "units that a base station sold"),
    "price": ArraySpec(("cell",), "money", "sum", "price of a unit, summed over intervals"),
    "equilibrium_shortfall": ArraySpec((), "1", "sum", "logarithm by which utilities miss the market equilibrium"),
    "linear_bound": ArraySpec((), "1", "sum", "greatest sum of weights times quantities"),
    "bought": ArraySpec(("user",), "1", "sum", "weights times quantities"),
    "envy_freeness": ArraySpec((), "1", "sum", "least ratio of own purchase to that of another UE"),
    "rounds": ArraySpec((), "1", "sum", "exchanges of messages"),
    "messages": ArraySpec((), "1", "sum", "messages of UEs to base stations and back: two a round and link"),
    "settled": ArraySpec((), "1", "sum", "intervals in which the mechanism settled"),
    "markets": ArraySpec((), "1", "sum", "intervals"),
}


@dataclass(frozen=True)
class MarketParts:
    """Holds the settings of a batch of random markets.

    Attributes:
        equilibrium: returns the prices of the market equilibrium, ``[B, C]``; None: nothing is compared with it.
    """

    drops: Drops
    settings: MarketSettings
    interval_s: float
    device: torch.device
    dtype: torch.dtype
    equilibrium: Callable[[Market], Tensor] | None = None


@dataclass(frozen=True)
class MarketState:
    """Holds the market of an interval."""

    interval: int
    market: Market


class MarketProblem:
    """Runs a batch of random markets, with one decision an interval."""

    def __init__(self, parts: MarketParts) -> None:
        settings = parts.settings
        self.parts, self.drops = parts, parts.drops
        self.context = MarketContext(parts.drops, settings.ues, settings.base_stations, parts.interval_s, parts.device)
        self._fading = parts.drops.keys("market/fading").to(parts.device)
        self._market = _mean_market(parts)

    @property
    def interval_s(self) -> float:
        """Returns the time between two markets in s."""
        return self.parts.interval_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the descriptions of the outcome's extras."""
        return ARRAY_SPECS

    def start(self) -> MarketState:
        """Returns the market of interval 0."""
        return self._state(0)

    def observe(self, state: MarketState, /) -> MarketObservation:
        """Returns the market of the interval."""
        return MarketObservation.of(state.interval, state.market)

    def step(self, state: MarketState, decision: MarketDecision, /) -> tuple[MarketState, Outcome]:
        """Checks what was traded and counts it.

        Raises:
            InfeasibleDecision: more is sold than there is, or more paid than a UE has.
        """
        decision = require_market_decision(decision, self.observe(state), self.context)
        return self._state(state.interval + 1), self._outcome(state.market, decision)

    def _outcome(self, market: Market, decision: MarketDecision) -> Outcome:
        bought = (market.weights * decision.quantity).sum(-1)
        nothing = torch.zeros_like(bought)
        extras = {
            "utility": utilities(market, decision.quantity, decision.spend),
            "paid": decision.spend.sum(-1),
            "budget": market.budgets,
            "sold": market.at_cells(decision.quantity),
            "price": decision.prices,
            "equilibrium_shortfall": self._shortfall(market, decision),
            "linear_bound": linear_bound(market),
            "bought": bought,
            "envy_freeness": self._envy(market, decision),
            "rounds": decision.rounds.to(bought.dtype),
            "messages": market.messages(decision.rounds).to(bought.dtype),
            "settled": decision.converged.to(bought.dtype),
            "markets": torch.ones_like(bought[:, 0]),
        }
        return Outcome(_BITS * bought, nothing, nothing, nothing, nothing[:, 0], extras)

    def _shortfall(self, market: Market, decision: MarketDecision) -> Tensor:
        if self.parts.equilibrium is None:
            return torch.full_like(market.budgets[:, 0], torch.nan)
        prices = self.parts.equilibrium(market)
        return equilibrium_gap(market, decision.quantity, decision.spend, prices)

    def _envy(self, market: Market, decision: MarketDecision) -> Tensor:
        if self.parts.settings.ues > MOST_ENVY:
            return torch.full_like(market.budgets[:, 0], torch.nan)
        return envy_freeness(market, decision.quantity)

    def _state(self, interval: int) -> MarketState:
        market = self._market
        if self.parts.settings.fading == "none":
            return MarketState(interval, market)
        shape = tuple(market.weights.shape[1:])
        draw = uniform(self._fading, shape, start=interval * shape[0] * shape[1])
        weights = market.weights * (-draw.log()).to(market.weights.dtype)
        return MarketState(
            interval, Market(weights, market.cells, market.budgets, market.supply, market.reserve, market.utility)
        )


def _mean_market(parts: MarketParts) -> Market:
    """Draws links, mean weights and budgets; the streams are "market/home", "market/weight" and "market/budget"."""
    settings, drops, device, dtype = parts.settings, parts.drops, parts.device, parts.dtype
    cells = (len(drops), settings.base_stations)
    home = (uniform(drops.keys("market/home"), (settings.ues, 1)) * settings.base_stations).long()
    link = (home + torch.arange(settings.links)) % settings.base_stations
    log_weight = settings.spread * normal(drops.keys("market/weight"), (settings.ues, settings.links))
    luck = uniform(drops.keys("market/budget"), (settings.ues,))
    budgets = 1.0 + settings.budget_spread * (2.0 * luck - 1.0)
    return Market(
        weights=log_weight.exp().to(device, dtype),
        cells=link.to(device),
        budgets=budgets.to(device, dtype),
        supply=torch.full(cells, settings.supply, device=device, dtype=dtype),
        reserve=torch.full(cells, settings.reserve, device=device, dtype=dtype),
        utility=settings.kind,
    )


def linear_bound(market: Market) -> Tensor:
    """Computes the greatest sum of weights times quantities: every base station to its greatest weight, ``[B]``."""
    weights = torch.where(market.links, market.weights, 0.0).flatten(1)
    best = torch.zeros_like(market.supply).scatter_reduce(1, market.cells.flatten(1), weights, "amax")
    return (best * market.supply).sum(-1)


__all__ = ["ARRAY_SPECS", "MarketParts", "MarketProblem", "MarketState", "linear_bound"]
