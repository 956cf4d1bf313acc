"""Defines the difficult slots on which the contract check tries schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mac.engine.serving_schedule import roster
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from mac.scheduling.feasible import require_scheduling
from phy.numerics import log_grid
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class Slots:
    """Describes a short run with random reports and queues."""

    name: str
    users: int = 9
    cells: int = 3
    prbs: int = 12
    slots: int = 4
    slices: int = 1
    lent: bool = False  # PRBs that a slice leaves idle may be borrowed
    limited: bool = False  # and there is a limit to what a slice may hold
    saturated: bool = False
    crowded: bool = False  # all users in cell 0, the others are empty
    busy: float = 0.7  # probability that a user has data
    reach: float = 0.9  # probability that a PRB carries anything
    sharing: int = 1  # users that may share a PRB

    def play(self, drops: Drops) -> tuple[SchedulingContext, list[SchedulingObservation]]:
        """Draws the context and the observations."""
        context = SchedulingContext(
            drops=drops,
            users=self.users,
            cells=self.cells,
            prbs=self.prbs,
            slices=self.slices,
            slot_s=1e-3,
            saturated=self.saturated,
            device=torch.device("cpu"),
            dtype=torch.float32,
            users_per_prb=self.sharing,
            bits_of_sinr=None
            if self.sharing == 1
            else 60 * torch.log2(1 + log_grid.centres()).floor().to(torch.float32),
        )
        luck = CaseRandom(drops, self.name)
        return context, [self._observe(luck, slot) for slot in range(self.slots)]

    def _observe(self, luck: CaseRandom, slot: int) -> SchedulingObservation:
        draw = partial(luck, interval=slot)
        rate = 600 * draw("rate", self.users, self.prbs) * (draw("reach", self.users, self.prbs) < self.reach)
        rate_bits = rate.to(torch.float32)
        need = self._need(draw("busy", self.users), draw("need", self.users))
        serving = (luck("serving", self.users) * (1 if self.crowded else self.cells)).long()
        slice_id = (luck("slice", self.users) * self.slices).long()
        owned, borrowable = self._owned(slice_id)
        budgets = torch.tensor([0.02, float("inf"), 0.1], dtype=torch.float32)
        mean = rate_bits.amax(-1) / 2  # stands for the mean, and is bit-equal in any batch
        return SchedulingObservation(
            slot=slot,
            serving=serving,
            slice_id=slice_id,
            roster=roster(serving, self.cells),
            rate_bits=rate_bits,
            mean_rate_bits=mean,
            backlog_bits=need * mean,
            need_prbs=need,
            retransmits=(need > 0) & (draw("again", self.users) < 0.2),
            served_bits=3000 * draw("served", self.users) * (slot > 0),
            delay_budget_s=budgets.repeat(self.users)[: self.users].expand(len(need), -1).contiguous(),
            owned=owned,
            borrowable=borrowable,
            most_prbs=self._most(draw("most", self.cells, self.slices)) if self.limited else None,
            head_of_line=lambda: (0.15 * draw("age", self.users) * (need > 0)).to(torch.float32),
            sinr=None if self.sharing == 1 else rate_bits / 6,
            similarity_of=None
            if self.sharing == 1
            else lambda: self._similarity(draw("alike", self.users, self.users), serving),
        )

    def _need(self, busy: Tensor, need: Tensor) -> Tensor:
        if self.saturated:
            return torch.full_like(need, self.prbs)
        return (need * self.prbs).ceil() * (busy < self.busy)

    @staticmethod
    def _similarity(luck: Tensor, serving: Tensor) -> Tensor:
        """Draws a matrix that is symmetric, 1 on the diagonal, 0 between cells."""
        similarity = luck.minimum(luck.transpose(1, 2)).to(torch.float32)
        similarity.diagonal(dim1=1, dim2=2).fill_(1.0)
        return similarity * (serving[:, :, None] == serving[:, None])

    def _owned(self, slice_id: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if self.slices == 1:
            return None, None
        owned = self._owner() == slice_id[..., None]
        return owned, ~owned if self.lent else None

    def _owner(self) -> Tensor:
        """Draws the slice of each PRB. The last slice owns nothing where there are several."""
        return torch.arange(self.prbs) * (self.slices - 1) // self.prbs

    def _most(self, luck: Tensor) -> Tensor:
        """Draws limits from what a slice owns to all PRBs."""
        own = self._owner().bincount(minlength=self.slices)
        return own + (luck * (self.prbs - own + 1)).long()


CASES = (
    Slots("one user", users=1, cells=1),
    Slots("empty cells", crowded=True),
    Slots("no data anywhere", busy=0.0),
    Slots("zero rates everywhere", reach=0.0),
    Slots("a single PRB", prbs=1),
    Slots("always data", saturated=True),
    Slots("always data in slices", saturated=True, slices=3),
    Slots("slices", slices=3),
    Slots("slices that lend", slices=3, lent=True),
    Slots("slices that lend within limits", users=14, slices=3, lent=True, limited=True, busy=0.9),
    Slots("always data in slices that lend within limits", saturated=True, slices=3, lent=True, limited=True),
    Slots("shared PRBs", users=14, sharing=4),
    Slots("shared PRBs and zero rates", reach=0.3, sharing=2),
    Slots("shared PRBs, always data", saturated=True, sharing=3),
    Slots("shared PRBs in slices that lend", users=14, slices=3, lent=True, sharing=3),
    Slots("shared PRBs in slices that lend within limits", users=14, slices=3, lent=True, limited=True, sharing=3),
    Slots("a long run", slots=30, busy=0.4),
)
CHECK = FamilyCheck(
    observation=SchedulingObservation,
    decision=SchedulingDecision,
    require=require_scheduling,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
