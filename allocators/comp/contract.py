"""Defines the difficult markets of CoMP clusters on which the contract check tries mechanisms."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mac.comp import CompContext, CompObservation
from mac.market import MarketDecision, Utility
from mac.market.feasible import require_market_decision
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class CompMarkets:
    """Describes a short run of random CoMP markets.

    Attributes:
        outage: probability that a UE's serving link is broken.
        out_of_range: probability that a cell of the cluster is worth nothing to a UE.
        sold: PRBs that a cell sells.
        served: whether serving cells delivered anything in the last interval.
    """

    name: str
    users: int = 8
    cells: int = 5
    heard: int = 4
    intervals: int = 3
    outage: float = 0.5
    out_of_range: float = 0.2
    sold: int = 6
    reserve: float = 0.05
    served: bool = True

    def play(self, drops: Drops) -> tuple[CompContext, list[CompObservation]]:
        """Draws the context and the observations."""
        luck = CaseRandom(drops, self.name)
        context = CompContext(drops, self.users, self.cells, 0.05, torch.device("cpu"), 2 * self.sold + 1, 1e-3)
        return context, [self._observation(luck, number) for number in range(self.intervals)]

    def _observation(self, luck: CaseRandom, number: int) -> CompObservation:
        """Draws an interval; the serving cell is the first of the cells that a UE hears, and sells it nothing."""
        shape = (self.users, self.heard)
        weights = 0.05 + luck("weight", *shape, interval=number)
        weights = weights * (luck("range", *shape, interval=number) >= self.out_of_range)
        weights[..., 0] = 0.0
        home = (luck("home", self.users, 1) * self.cells).long()
        heard = (home + torch.arange(self.heard)) % self.cells
        outage = luck("outage", self.users, interval=number) < self.outage
        batch = len(weights)
        return CompObservation(
            interval=number,
            weights=weights.double(),
            cells=heard.expand(batch, *shape).contiguous(),
            budgets=((0.5 + luck("budget", self.users)) * outage).double(),
            supply=torch.full((batch, self.cells), float(self.sold), dtype=torch.float64),
            reserve=torch.full((batch, self.cells), self.reserve, dtype=torch.float64),
            utility=Utility(),
            serving=heard[..., 0].expand(batch, -1).contiguous(),
            outage=outage,
            serving_rate=luck("rate", self.users, interval=number).double() * (outage & self.served),
        )


CASES = (
    CompMarkets("some UEs in outage"),
    CompMarkets("one UE and one other cell", users=1, cells=2, heard=2, outage=1.0),
    CompMarkets("no UE in outage", outage=0.0),
    CompMarkets("all UEs in outage", outage=1.0),
    CompMarkets("nothing in range", out_of_range=1.0),
    CompMarkets("one PRB to sell", sold=1, users=12),
    CompMarkets("no cell sells", sold=0),
    CompMarkets("no reserve prices", reserve=0.0),
    CompMarkets("high reserve prices", reserve=10.0),
    CompMarkets("nothing served before", served=False, outage=1.0),
)
CHECK = FamilyCheck(
    observation=CompObservation,
    decision=MarketDecision,
    require=require_market_decision,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
