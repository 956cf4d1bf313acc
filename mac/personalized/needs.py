"""Draws the traits of UEs and their true zones of tolerance, new in each interval. All of it is ours.

B drops, U UEs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from phy.random import Drops, normal, uniform

from .settings import ZoneSettings
from .zone import Zones


class Needs:
    """Draws what UEs need.

    Args:
        drops: of the batch.
        zones: of each group.
        group: of each UE, int64 ``[U]``.
        weights: of the traits.
        device: of the results.
    """

    def __init__(
        self,
        drops: Drops,
        zones: Sequence[ZoneSettings],
        group: Tensor,
        weights: Sequence[float],
        device: torch.device,
    ) -> None:
        self.users, self.device = len(group), device
        self._constant, self._moving = drops.keys("traits").to(device), drops.keys("traits of intervals").to(device)
        scale = sum(map(abs, weights))
        self._weights = torch.tensor([weight / scale for weight in weights], dtype=torch.float64, device=device)
        per_group = [[zone.adequate_bps, zone.desired_bps, zone.spread, zone.residual] for zone in zones]
        of_ue = torch.tensor(per_group, dtype=torch.float64)[group].to(device)
        adequate, desired, self._spread, residual = of_ue.unbind(-1)
        shape = (len(drops), self.users)
        self.declared = Zones(adequate.expand(shape), desired.expand(shape))
        self._residual = residual * normal(drops.keys("needs beside traits").to(device), (self.users,))

    def traits(self, interval: int) -> Tensor:
        """Draws the traits of an interval, uniform from 0 to 1, float64 ``[B, U, traits]``; the first is constant."""
        count = len(self._weights)
        first = uniform(self._constant, (self.users, 1))
        if count == 1:
            return first
        start = interval * self.users * (count - 1)
        return torch.cat((first, uniform(self._moving, (self.users, count - 1), start=start)), -1)

    def zones(self, traits: Tensor) -> Zones:
        """Computes the true zones: those of the group times exp(spread t + residual n), t = sum w (2 trait - 1)."""
        told = reduce(torch.add, ((2.0 * traits - 1.0) * self._weights).unbind(-1))  # the same in any batch
        factor = (self._spread * told + self._residual).exp()
        return Zones(self.declared.adequate_bps * factor, self.declared.desired_bps * factor)
