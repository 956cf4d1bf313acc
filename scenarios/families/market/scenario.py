"""Defines the scenarios of random markets, and makes their problems."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from allocators.market.equilibrium import competitive_equilibrium
from mac.market import Market, MarketContext
from mac.market.problem import MOST_ENVY, MarketParts, MarketProblem
from mac.market.settings import MarketSettings
from phy.random import Drops

from ..family import Labels
from ..schema import Clock, ScenarioBase, clock

_ARRAYS = 30  # of a link, held at once
_REFERENCE_GAP = 1e-5  # of the equilibrium's prices with which allocations are compared


class MarketScenario(ScenarioBase):
    """Compares market mechanisms on random markets, without a radio."""

    duration_s: float = Field(default=1.0, gt=0, le=1e6)
    """Recorded time of each drop."""
    interval_s: float = Field(default=0.1, gt=0, le=1e3)
    """Time between two markets; each has new weights."""
    market: MarketSettings = Field(default_factory=MarketSettings)
    """UEs, base stations, weights and budgets."""
    compare_with_equilibrium: bool = True
    """Compute the market equilibrium of every interval, for `nash_ratio`; it takes as long as `competitive`."""

    @model_validator(mode="after")
    def _no_repair(self) -> MarketScenario:
        if self.on_infeasible != "error":
            raise ValueError("on_infeasible must be error: of a market, no decision is repaired; leave it out")
        return self


def clock_of(scenario: MarketScenario) -> Clock:
    return clock(scenario, scenario.interval_s, scenario.window_s or scenario.interval_s)


def check(scenario: MarketScenario) -> None:
    """Checks nothing: a market names nothing outside of the scenario."""


def build(scenario: MarketScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> MarketProblem:
    """Builds the problem of a batch of drops."""
    reference = _equilibrium_prices if scenario.compare_with_equilibrium else None
    return MarketProblem(MarketParts(drops, scenario.market, scenario.interval_s, device, dtype, reference))


def _equilibrium_prices(market: Market) -> Tensor:
    return competitive_equilibrium(market, rounds=2000, tolerance=_REFERENCE_GAP).prices


def context(scenario: MarketScenario) -> MarketContext:
    """Returns what an allocator is reset with for one drop."""
    settings = scenario.market
    drops = Drops(scenario.seed, (0,))
    return MarketContext(drops, settings.ues, settings.base_stations, scenario.interval_s, torch.device("cpu"))


def labels(scenario: MarketScenario, problem: MarketProblem) -> Labels:
    settings = scenario.market
    attributes: Mapping[str, str | int | float] = {"cells": settings.base_stations, "interval_s": scenario.interval_s}
    coordinates = {
        "user": (("user",), np.arange(settings.ues)),
        "cell": (("cell",), np.arange(settings.base_stations)),
    }
    return Labels(coordinates, attributes)


def estimate_bytes(scenario: MarketScenario, drops: int) -> int:
    settings = scenario.market
    pairs = 8 * settings.ues**2 if settings.ues <= MOST_ENVY else 0
    windows = clock_of(scenario).intervals // clock_of(scenario).window
    return drops * (8 * settings.ues * (_ARRAYS * settings.links + 6 * windows) + 3 * pairs)


def estimate_seconds(scenario: MarketScenario, drops: int) -> float:
    links = scenario.market.ues * scenario.market.links
    return clock_of(scenario).intervals * (0.1 + drops * links * 2e-5)


def best_batch(scenario: MarketScenario, device: str) -> int:
    links = scenario.market.ues * scenario.market.links
    return max(1, min(64, 20_000 // links) if device == "cpu" else min(4096, 50_000_000 // links))


def account(scenario: MarketScenario) -> list[tuple[str, str]]:
    """Describes utilities and money."""
    settings = scenario.market
    spread = f", +-{100 * settings.budget_spread:g} %" if settings.budget_spread else ""
    kind = f"ces:{settings.rho:g}" if settings.utility == "ces" else settings.utility
    return [
        ("market", f"{settings.ues} UEs, {settings.base_stations} base stations, {settings.links} links of each UE"),
        ("utility", f"{kind}; budgets 1{spread}; supply {settings.supply:g}, reserve price {settings.reserve:g}"),
    ]
