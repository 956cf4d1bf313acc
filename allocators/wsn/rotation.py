"""Who has been head in the current epoch, and the random choice of heads with a probability each: LEACH and its kin."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.wsn.types import WsnContext, WsnObservation
from phy.random import uniform


class Rotation:
    """Every node is head once in its own epoch of ``1 / p`` rounds.

    In round r a node that was not head in its current epoch is so with

        T = p / (1 - p (r mod 1/p)).

    Source: Heinzelman, Chandrakasan, Balakrishnan, HICSS 2000, equation 2; with a probability of its own for each
    node: Smaragdakis, Matta, Bestavros, SANPA 2004.

    Args:
        context: of the run.
        stream: names the random numbers.
    """

    def __init__(self, context: WsnContext, stream: str) -> None:
        self._keys = context.drops.keys(stream).to(context.device)
        self._nodes = context.nodes
        self._last = torch.full((len(context.drops), context.nodes), -1, dtype=torch.int64, device=context.device)

    def elect(self, observation: WsnObservation, probability: Tensor) -> Tensor:
        """Heads of the round, bool ``[B, N]``.

        Args:
            observation: of the round.
            probability: p of each node, ``[B, N]``, above 0 and at most 1.
        """
        now = observation.round
        epoch = (1.0 / probability - 1e-9).ceil()
        number = torch.div(torch.tensor(float(now), device=epoch.device), epoch, rounding_mode="floor")
        since = now - number * epoch
        waits = self._last < number.long()  # epoch in which it was head last
        threshold = probability / (1.0 - probability * since).clamp(min=1e-12)
        luck = uniform(self._keys, (self._nodes,), start=now * self._nodes)
        chosen = observation.alive & waits & (luck < threshold)
        self._last = torch.where(chosen, number.long(), self._last)
        return chosen
