"""Draws heads with a probability each, so that each node is head once in an epoch (LEACH, SEP, DEEC).

B drops, N nodes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mac.wsn import WsnContext, WsnObservation
from phy.numerics.jit import uses_numba
from phy.random import uniform

_WHOLE = 1e-9  # of a round: closer to a whole number is that number

Epoch = Literal["exact", "nearest", "up"]


class HeadRotation:
    """Draws heads so that every node is head once in its own epoch of ``1 / p`` rounds.

    In round r a node that was not head in its current epoch, which began at the last multiple of 1/p, is so with

        T = p / (1 - p (r mod 1/p)).

    Where 1/p is no whole number, epochs are as the equation has them (``exact``: of 10/3 rounds, so 4, 3, 3, 4 and so
    on; in the last round of each all nodes left are heads), or rounded to the ``nearest`` whole number, as in
    many programs (some nodes are then never head in an epoch that is shorter than 1/p), or ``up``.

    Source: Heinzelman, Chandrakasan, Balakrishnan, HICSS 2000, equation 2; with a probability of its own for each
    node: Smaragdakis, Matta, Bestavros, SANPA 2004.

    Args:
        context: of the run.
        stream: names the random numbers.
        epoch: length of an epoch: exact, nearest, up.
    """

    def __init__(self, context: WsnContext, stream: str, epoch: Epoch) -> None:
        self._epoch = epoch
        self._keys = context.drops.keys(stream).to(context.device)
        self._nodes = context.nodes
        self._last = torch.full_like(context.initial_j, -1.0)  # round in which a node was head last

    def elect(self, observation: WsnObservation, probability: Tensor) -> Tensor:
        """Draws the heads of the round, bool ``[B, N]``.

        Args:
            observation: of the round.
            probability: p of each node, ``[B, N]``, or of all, ``[1, 1]``; above 0 and at most 1.
        """
        now = observation.round
        epoch = self._rounds(1.0 / probability)
        began = (now / epoch + _WHOLE).floor() * epoch
        threshold = probability / (1.0 - probability * (now - began)).clamp(min=1e-12)
        chosen = self._draw(observation, (began - _WHOLE).ceil(), threshold)
        self._last = self._last.masked_fill(chosen, now)
        return chosen

    def _draw(self, observation: WsnObservation, before: Tensor, threshold: Tensor) -> Tensor:
        """Draws heads among the live nodes that were head last before a round, with a probability each."""
        counter = observation.round * self._nodes
        if self._last.device.type == "cpu" and uses_numba():
            from .head_rotation_numba import Election, elect  # numba takes long to import

            chosen = torch.empty_like(observation.alive, memory_format=torch.contiguous_format)
            arrays = (one.contiguous().numpy() for one in (observation.alive, self._last, before, threshold))
            elect(Election(self._keys.numpy(), counter, *arrays), chosen.numpy())
            return chosen
        draw = uniform(self._keys, (self._nodes,), start=counter)
        return observation.alive & (self._last < before) & (draw < threshold)

    def _rounds(self, exact: Tensor) -> Tensor:
        """Computes the length of an epoch in rounds, from 1/p; what is whole but for rounding is whole."""
        if self._epoch == "nearest":
            return (exact + 0.5).floor()
        up = (exact - _WHOLE).ceil()
        return up if self._epoch == "up" else torch.where(up - exact < _WHOLE, up, exact)
