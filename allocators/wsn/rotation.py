"""Who has been head in the current epoch, and the random choice of heads with a probability each: LEACH and its kin."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.wsn.types import WsnContext, WsnObservation
from phy.random import uniform


class Rotation:
    """Every node is head once in its own epoch of ``1 / p`` rounds.

    In round r a node that was not head in its current epoch, which began at the last multiple of 1/p, is so with

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
        self._last = torch.full_like(context.initial_j, -1.0)  # round in which a node was head last

    def elect(self, observation: WsnObservation, probability: Tensor) -> Tensor:
        """Heads of the round, bool ``[B, N]``.

        Args:
            observation: of the round.
            probability: p of each node, ``[B, N]``, or of all, ``[1, 1]``; above 0 and at most 1.
        """
        now = observation.round
        epoch = (1.0 / probability - 1e-9).ceil()
        began = (now / epoch).floor() * epoch
        threshold = probability / (1.0 - probability * (now - began)).clamp(min=1e-12)
        luck = uniform(self._keys, (self._nodes,), start=now * self._nodes)
        chosen = observation.alive & (self._last < began) & (luck < threshold)
        self._last = self._last.masked_fill(chosen, now)
        return chosen
