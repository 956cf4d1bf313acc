"""Defines the difficult fields on which the contract check tries cluster-head selectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.wsn import WsnContext, WsnDecision, WsnObservation
from mac.wsn.feasible import require_wsn
from phy.random import Drops
from phy.sensors.radio_energy import SensorRadioSettings

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class SensorFields:
    """Describes a short run of fields whose charges fall whatever is decided."""

    name: str
    nodes: int = 12
    extent_m: float = 100.0
    rounds: int = 6
    one_place: bool = False  # all nodes at one place
    dying: float = 0.2  # probability that a node dies in a round
    living: int | None = None  # so many are alive at the start; None: all
    quiet: float = 0.0  # probability that a node senses nothing
    sink_m: tuple[float, float] = (50.0, 175.0)
    drift_m: float = 0.0  # of the sink, in a round

    def play(self, drops: Drops) -> tuple[WsnContext, list[WsnObservation]]:
        """Draws the context and the observations."""
        luck = CaseRandom(drops, self.name)
        place = luck("place", self.nodes, 2) * self.extent_m
        place = place[:, :1].expand(-1, self.nodes, -1).clone() if self.one_place else place
        alive = torch.ones((len(drops), self.nodes), dtype=torch.bool)
        if self.living is not None:
            alive = luck("living", self.nodes).argsort(1).argsort(1) < self.living
        charge = (0.1 + luck("charge", self.nodes)) * alive
        context = WsnContext(
            drops=drops,
            nodes=self.nodes,
            position_m=place,
            extent_m=(self.extent_m, self.extent_m),
            initial_j=charge,
            radio=SensorRadioSettings(),
            control_bits=200,
            packet_bits=4000.0,
            round_s=1.0,
            device=torch.device("cpu"),
        )
        return context, list(self._rounds(luck, charge, alive))

    def _rounds(self, luck: CaseRandom, charge: Tensor, alive: Tensor) -> list[WsnObservation]:
        seen = []
        for number in range(self.rounds):
            sink = torch.tensor([self.sink_m[0] + self.drift_m * number, self.sink_m[1]], dtype=torch.float64)
            noisy = luck("quiet", self.nodes, interval=number) >= self.quiet
            seen.append(WsnObservation(number, alive, charge, sink.expand(len(charge), 2), alive & noisy))
            alive = alive & (luck("dying", self.nodes, interval=number) >= self.dying)
            charge = charge * (0.5 + 0.5 * luck("spent", self.nodes, interval=number)) * alive
        return seen


CASES = (
    SensorFields("one node", nodes=1, dying=0.0),
    SensorFields("two nodes", nodes=2),
    SensorFields("all at one place", one_place=True),
    SensorFields("one alive", living=1, dying=0.0),
    SensorFields("no node alive", living=0),
    SensorFields("all die", nodes=30, dying=0.6, rounds=12),
    SensorFields("no node dies", nodes=40, dying=0.0, rounds=25),
    SensorFields("the sink in the middle", sink_m=(50.0, 50.0)),
    SensorFields("the sink moves away", drift_m=200.0),
    SensorFields("hardly any node senses", nodes=25, quiet=0.9),
)
CHECK = FamilyCheck(
    observation=WsnObservation,
    decision=WsnDecision,
    require=require_wsn,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
