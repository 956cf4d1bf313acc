"""Defines the difficult markets on which the contract check tries market mechanisms."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mac.market import Market, MarketContext, MarketDecision, MarketObservation, Utility
from mac.market.feasible import require_market_decision
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck

LINEAR = Utility()


@dataclass(frozen=True)
class Markets:
    """Describes a short run of random markets.

    Attributes:
        absent: probability that a link has no weight.
        empty: of the base stations, the number of those without supply.
        poor: probability that a UE has no budget.
    """

    name: str
    users: int = 6
    cells: int = 4
    links: int = 3
    intervals: int = 2
    absent: float = 0.0
    empty: int = 0
    poor: float = 0.0
    reserve: float = 0.1
    spread: float = 1.0
    dtype: torch.dtype = torch.float64
    utility: Utility = LINEAR

    def play(self, drops: Drops) -> tuple[MarketContext, list[MarketObservation]]:
        """Draws the context and the observations."""
        luck = CaseRandom(drops, self.name)
        context = MarketContext(drops, self.users, self.cells, 0.1, torch.device("cpu"))
        return context, [MarketObservation.of(number, self._market(luck, number)) for number in range(self.intervals)]

    def _market(self, luck: CaseRandom, number: int) -> Market:
        shape = (self.users, self.links)
        weights = (self.spread * (4.0 * luck("weight", *shape, interval=number) - 2.0)).exp()
        weights = weights * (luck("absent", *shape, interval=number) >= self.absent)
        home = (luck("home", self.users, 1) * self.cells).long()
        budgets = (0.5 + luck("budget", self.users)) * (luck("poor", self.users) >= self.poor)
        supply = (torch.arange(self.cells) >= self.empty).to(self.dtype).expand(len(weights), self.cells)
        return Market(
            weights.to(self.dtype),
            (home + torch.arange(self.links)) % self.cells,
            budgets.to(self.dtype),
            supply,
            torch.full_like(supply, self.reserve),
            self.utility,
        )


CASES = (
    Markets("one UE and one base station", users=1, cells=1, links=1),
    Markets("one base station", users=5, cells=1, links=1),
    Markets("one UE", users=1),
    Markets("no seller's bids", reserve=0.0),
    Markets("high reserve prices", reserve=3.0),
    Markets("no UE values anything", absent=1.0),
    Markets("many links are missing", users=12, absent=0.6),
    Markets("base stations without supply", empty=2),
    Markets("no base station has supply", empty=4),
    Markets("UEs without money", users=9, poor=0.5),
    Markets("weights of many sizes", users=15, spread=4.0),
    Markets("logarithmic", users=4, cells=3, links=2, utility=Utility("log"), absent=0.3),
    Markets("substitutes", users=4, cells=3, links=2, utility=Utility("ces", 0.7)),
    Markets("complements", users=4, cells=3, links=2, utility=Utility("ces", -1.5)),
    Markets("money has worth", utility=Utility("quasilinear"), spread=2.0),
    Markets("single precision", users=20, dtype=torch.float32),
)
CHECK = FamilyCheck(
    observation=MarketObservation,
    decision=MarketDecision,
    require=require_market_decision,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
