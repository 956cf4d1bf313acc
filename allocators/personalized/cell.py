"""Holds the UEs of one cell, and decides cell by cell.

n UEs of a cell. Satisfaction is that of :class:`mac.personalized.zone.Zones` at the rate that PRBs carry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation, Zones
from mac.personalized.zone import Shape

CellRule = Callable[["CellUsers"], Tensor]


@dataclass(frozen=True)
class CellUsers:
    """Holds the UEs of one cell that can be reached: every UE has a rate above 0."""

    bps_per_prb: Tensor  # [n] float64
    zones: Zones  # [n]
    prbs: int  # of the cell
    shape: Shape
    target: float

    def satisfaction(self, prbs: Tensor) -> Tensor:
        """Computes the satisfaction that PRBs give, ``[n]``."""
        return self.zones.satisfaction(prbs * self.bps_per_prb, self.shape)

    def target_prbs(self) -> Tensor:
        """Computes the least PRBs of each UE for the target, ``[n]``."""
        return self.zones.needed_bps(self.target, self.shape) / self.bps_per_prb

    def desired_prbs(self) -> Tensor:
        """Computes the PRBs of each UE for its desired rate, ``[n]``."""
        return self.zones.desired_bps / self.bps_per_prb


def decide_by_cell(rule: CellRule, seen: PersonalizedObservation, context: PersonalizedContext) -> PersonalizedDecision:
    """Applies a rule to each cell of each drop on its own; UEs that no rate reaches get nothing.

    Args:
        rule: from the UEs of a cell to their PRBs, ``[n]`` not negative, at most ``prbs`` in all.
        seen: of all drops.
        context: of the run.
    """
    prbs = torch.zeros_like(seen.bps_per_prb)
    for drop, cell in _cells(seen, context):
        here = ((seen.serving[drop] == cell) & (seen.bps_per_prb[drop] > 0)).nonzero()[:, 0]
        if len(here):
            zones = Zones(seen.zones.adequate_bps[drop, here], seen.zones.desired_bps[drop, here])
            ues = CellUsers(seen.bps_per_prb[drop, here], zones, context.prbs, context.shape, context.target)
            prbs[drop, here] = rule(ues)
    return PersonalizedDecision(prbs)


def _cells(seen: PersonalizedObservation, context: PersonalizedContext) -> list[tuple[int, int]]:
    return [(drop, cell) for drop in range(len(seen.serving)) for cell in range(context.cells)]


def cheapest_that_fit(prbs: Tensor, most: float) -> Tensor:
    """Returns the PRBs of the UEs that need least, as many as fit, and 0 of the others, ``[n]``; none is cut.

    Args:
        prbs: that each UE needs, ``[n]``.
        most: that there are.
    """
    order = prbs.argsort(stable=True)
    fits = torch.zeros_like(prbs)
    fits[order] = (prbs[order].cumsum(0) <= most).to(prbs)
    return torch.where(fits > 0, prbs, 0.0)
