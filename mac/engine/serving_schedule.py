"""Holds serving cells and rosters of every measurement on the device, as the slot loop reads them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..handover.a3 import COUNTERS
from ..handover.serving_plan import ServingPlan
from .state import ServingCells

_STAY = [COUNTERS.index(name) for name in ("handovers", "handover_failures", "radio_link_failures")]
_AT_ONCE = 16  # measurements whose rosters are made at once


class ServingSchedule:
    """Holds a serving plan on the device; nothing is read back.

    All rosters have one number of places M, that of the fullest cell of the whole run.
    """

    def __init__(self, serving_plan: ServingPlan, cells: int, device: torch.device) -> None:
        plan = serving_plan.to(torch.device("cpu"))
        self.period = plan.period_slots
        self.last = plan.serving.shape[1] - 1
        rosters = _rosters(plan.serving, cells)
        self._serving = plan.serving.transpose(0, 1).contiguous().to(device)  # [Tm, B, U]
        self._served_from_slot = plan.served_from_slot.transpose(0, 1).contiguous().to(device)
        self._rosters = rosters.to(device)  # [Tm, B, C, M]
        self._counts = plan.counts.permute(1, 2, 0, 3).contiguous().to(device)  # [Tm, counters, B, U]
        self._moved = self._counts[:, _STAY].sum(1) > 0
        self._none = torch.zeros_like(self._counts[0])

    def measures(self, slot: int) -> bool:
        """Returns whether a measurement is taken at the start of the slot."""
        return slot % self.period == 0 and slot // self.period <= self.last

    def attached(self, slot: int) -> ServingCells:
        """Returns which cell serves each UE in a slot."""
        number = self._number(slot)
        return ServingCells(self._serving[number], self._rosters[number], self._served_from_slot[number])

    def served_from_slot(self, slot: int) -> Tensor:
        """Returns the slot from which each UE is served, int64 ``[B, U]``."""
        return self._served_from_slot[self._number(slot)]

    def moved(self, slot: int) -> Tensor:
        """Returns which UEs changed or lost their cell at the measurement in the slot, bool ``[B, U]``."""
        return self._moved[self._number(slot)]

    def counts(self, slot: int) -> Tensor:
        """Returns the counts of events at the start of the slot, float64 ``[len(COUNTERS), B, U]``."""
        return self._counts[self._number(slot)] if self.measures(slot) else self._none

    def _number(self, slot: int) -> int:
        return min(slot // self.period, self.last)


def roster(serving: Tensor, cells: int) -> Tensor:
    """Lists the UEs of each cell in ascending order, padded with U, int64 ``[B, C, M]`` with M of the fullest cell."""
    batch, users = serving.shape
    member = serving[:, None, :] == torch.arange(cells, device=serving.device)[:, None]
    most = max(1, int(member.sum(-1).max()))
    number = torch.arange(users, device=serving.device).expand(batch, cells, users)
    return torch.where(member, number, users).sort(-1).values[..., :most].contiguous()


def _rosters(serving: Tensor, cells: int) -> Tensor:
    """Lists the UEs of each cell, ``[Tm, B, C, M]``, from serving cells ``[B, Tm, U]``."""
    batch, count, users = serving.shape
    flat = serving.transpose(0, 1).reshape(-1, users)
    one_hot = torch.zeros((len(flat), cells), dtype=torch.int64).scatter_add_(1, flat, torch.ones_like(flat))
    most = max(1, int(one_hot.max()))
    parts = [roster(part, cells) for part in flat.split(_AT_ONCE)]
    even = [torch.nn.functional.pad(part, (0, most - part.shape[-1]), value=users) for part in parts]
    return torch.cat(even).view(count, batch, cells, most)
