"""Defines the difficult reports on which the contract check tries slice controllers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from mac.slicing.feasible import require_slicing
from mac.slicing.settings import Service, count_rbgs
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck
from .apportionment import apportion

_SERVICES: tuple[Service, ...] = ("mmtc", "urllc", "embb", "embb", "urllc")


@dataclass(frozen=True)
class Reports:
    """Describes a short run with random reports."""

    name: str
    slices: int = 3
    cells: int = 2
    prbs: int = 50
    rbg_prbs: int = 3
    min_rbg: int = 1
    intervals: int = 4
    demand: float = 1.0  # scale of what arrives and waits
    peopled: float = 0.8  # probability that a slice has users in a cell

    def play(self, drops: Drops) -> tuple[SlicingContext, list[SlicingObservation]]:
        """Draws the context and the observations."""
        context = SlicingContext(
            drops=drops,
            cells=self.cells,
            slices=tuple(f"slice{i}" for i in range(self.slices)),
            services=_SERVICES[: self.slices],
            prbs=self.prbs,
            rbg_prbs=self.rbg_prbs,
            rbgs=count_rbgs(self.prbs, self.rbg_prbs),
            min_rbg=self.min_rbg,
            interval_s=0.25,
            slot_s=0.001,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        luck = CaseRandom(drops, self.name)
        return context, [self._observe(luck, context.rbgs, interval) for interval in range(self.intervals)]

    def _observe(self, luck: CaseRandom, rbgs: int, interval: int) -> SlicingObservation:
        draw = partial(luck, interval=interval)
        shape = (self.cells, self.slices)
        users = (draw("users", *shape) * 6).ceil() * (draw("peopled", *shape) < self.peopled)
        past = self.demand * (users > 0) * (interval > 0)
        arrived, asked = 1e6 * draw("arrived", *shape) * past, (2e4 * draw("asked", *shape) * past).floor()
        return SlicingObservation(
            interval=interval,
            users=users,
            rbg=apportion(draw("rbg", *shape), rbgs, self.min_rbg),
            backlog_bits=1e6 * draw("backlog", *shape) * past,
            arrived_bits=arrived,
            served_bits=arrived * draw("served", *shape),
            requested_prbs=asked,
            granted_prbs=(asked * draw("granted", *shape)).floor(),
            bits_per_prb=500 * draw("rate", *shape) * (users > 0),
        )


CASES = (
    Reports("one slice", slices=1),
    Reports("one cell", cells=1),
    Reports("five slices", slices=5, cells=3),
    Reports("a slice may have nothing", min_rbg=0),
    Reports("no RBG to move", prbs=9),
    Reports("no data anywhere", demand=0.0),
    Reports("no users", peopled=0.0),
    Reports("far too much data", demand=1e9),
    Reports("a long run", intervals=30),
)
CHECK = FamilyCheck(
    observation=SlicingObservation,
    decision=SlicingDecision,
    require=require_slicing,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
