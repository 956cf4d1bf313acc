"""Trains the predictor of zones on windows of past runs: traits, served rate, and the satisfaction that UEs reported.

Ours. The loss is the mean square of (predicted - reported) satisfaction at the rate that was served. For the first half
of the steps predictions are logistic in either case, since the linear shape has no slope outside of the zone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .predictor import make_network, zones_of
from .zone import Shape, Zones

_RATE = 5e-3  # of Adam


@dataclass(frozen=True)
class PastWindows:
    """Holds windows of past runs, one row each."""

    traits: Tensor  # [rows, traits] float64
    group: Tensor  # [rows] int64
    rate_bps: Tensor  # [rows] served
    satisfaction: Tensor  # [rows] as reported
    declared: Zones  # [rows] of the group

    def require(self) -> None:
        """Checks that something can be learned from the windows.

        Raises:
            ValueError: there are few, a number is missing, or all report the same.
        """
        columns = (self.traits, self.rate_bps, self.satisfaction)
        if len(self.rate_bps) < 100:
            raise ValueError(f"there are {len(self.rate_bps)} windows of UEs, too few to learn from; give 100 or more")
        if not all(bool(column.isfinite().all()) for column in columns):
            raise ValueError("some windows have no traits, rate or satisfaction (NaN); leave them out")
        if float(self.satisfaction.max() - self.satisfaction.min()) < 0.05:
            raise ValueError(
                f"all windows report a satisfaction of about {float(self.satisfaction.mean()):.2g}, from which no zone "
                "can be learned; take a run whose rates vary, such as one with the allocator random_share"
            )


def fit(past: PastWindows, shape: Shape, groups: int, steps: int, seed: int = 0) -> tuple[nn.Sequential, float]:
    """Trains a network by Adam on all windows at once.

    Args:
        past: the windows.
        shape: of the satisfaction that they report.
        groups: how many groups there are.
        steps: of Adam.
        seed: of the first weights.

    Returns:
        The network, and the root of its last loss.

    Raises:
        ValueError: nothing can be learned from the windows.
    """
    past.require()
    network = make_network(past.traits.shape[-1], groups, seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    loss = torch.zeros(())
    for step in range(steps):
        zones = zones_of(network, past.traits, past.group, past.declared, groups)
        told = zones.satisfaction(past.rate_bps, "logistic" if step < steps // 2 else shape)
        loss = (told - past.satisfaction).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network, float(loss.detach().sqrt())
