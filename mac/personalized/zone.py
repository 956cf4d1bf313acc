"""Computes satisfaction in the zone of tolerance (after arXiv 2307.03867 and its sibling paper; the shapes are ours).

With the adequate rate a and the desired rate d of a UE:

* linear: 0 up to a, (rate - a) / (d - a) between, 1 from d on;
* logistic: 1 / (1 + exp(-2 ln(9) (rate - (a + d) / 2) / (d - a))), through (a, 0.1) and (d, 0.9).

Both are those of :func:`mac.metrics.satisfaction.zone_of_tolerance` for a UE that always has data.

B drops, U UEs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Shape = Literal["linear", "logistic"]

_SLOPE = 2.0 * math.log(9.0)


@dataclass(frozen=True)
class Zones:
    """Holds the zone of tolerance of each UE."""

    adequate_bps: Tensor  # [B, U]
    desired_bps: Tensor  # [B, U], greater than adequate_bps

    def satisfaction(self, rate_bps: Tensor, shape: Shape) -> Tensor:
        """Computes the satisfaction of rates, from 0 to 1; ``[B, U]``."""
        place = (rate_bps - self.adequate_bps) / (self.desired_bps - self.adequate_bps)
        if shape == "linear":
            return place.clamp(0.0, 1.0)
        return torch.sigmoid(_SLOPE * (place - 0.5))

    def needed_bps(self, target: float, shape: Shape) -> Tensor:
        """Computes the least rate that gives the satisfaction ``target``, ``[B, U]``; 0 where no rate is needed.

        Raises:
            ValueError: no finite rate gives it.
        """
        require_target(target, shape)
        if target == 0.0:
            return torch.zeros_like(self.adequate_bps)
        place = target if shape == "linear" else 0.5 + math.log(target / (1.0 - target)) / _SLOPE
        needed = self.adequate_bps + place * (self.desired_bps - self.adequate_bps)
        return needed.clamp(min=0.0)


def require_target(target: float, shape: Shape) -> None:
    """Refuses a target satisfaction that no finite rate gives.

    Raises:
        ValueError: it is outside of 0 to 1, or 1 where satisfaction is logistic.
    """
    if not 0.0 <= target <= 1.0:
        raise ValueError(f"a target satisfaction is from 0 to 1, given {target:g}")
    if shape == "logistic" and target == 1.0:
        raise ValueError(
            "a logistic satisfaction of 1 is reached at no finite rate; give a target below 1, such as 0.9 (the "
            "desired rate), or the shape linear"
        )
