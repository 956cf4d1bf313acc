"""Defines the difficult observations on which the contract check tries allocators of personalised allocation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation, Zones
from mac.personalized.feasible import require_personalized
from mac.personalized.zone import Shape
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class Requests:
    """Describes a short run with random zones and rates."""

    name: str
    users: int = 7
    cells: int = 2
    prbs: int = 24
    intervals: int = 3
    shape: Shape = "linear"
    target: float = 0.8
    need: float = 1.0  # scale of the zones
    reached: float = 0.9  # probability that a UE has a rate at all

    def play(self, drops: Drops) -> tuple[PersonalizedContext, list[PersonalizedObservation]]:
        """Draws the context and the observations."""
        context = PersonalizedContext(
            drops, self.users, self.cells, self.prbs, 0.2, 0.001, self.shape, self.target, torch.device("cpu")
        )
        luck = CaseRandom(drops, self.name)
        return context, [self._observe(luck, interval) for interval in range(self.intervals)]

    def _observe(self, luck: CaseRandom, interval: int) -> PersonalizedObservation:
        draw = partial(luck, interval=interval)
        adequate = self.need * 1e6 * draw("adequate", self.users)
        return PersonalizedObservation(
            interval=interval,
            serving=(draw("serving", self.users) * self.cells).long(),
            bps_per_prb=6e5 * draw("rate", self.users) * (draw("reached", self.users) < self.reached),
            zones=Zones(adequate, adequate * (1.2 + 3.0 * draw("width", self.users))),
            traits=draw("traits", self.users, 2),
            satisfaction=draw("satisfaction", self.users) * (interval > 0),
            rate_bps=4e6 * draw("served", self.users) * (interval > 0),
        )


CASES = (
    Requests("one UE", users=1, cells=1),
    Requests("several cells", users=12, cells=3),
    Requests("no target", target=0.0, intervals=2),
    Requests("logistic", shape="logistic"),
    Requests("targets that do not fit", need=100.0),
    Requests("next to no need", need=1e-6),
    Requests("no rate anywhere", reached=0.0),
    Requests("a long run", intervals=20),
)
CHECK = FamilyCheck(
    observation=PersonalizedObservation,
    decision=PersonalizedDecision,
    require=require_personalized,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
