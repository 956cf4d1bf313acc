"""Computes the usual features of sensor nodes in a compiled loop; one by one they stand in :mod:`.environment`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mac.wsn import WsnContext, WsnObservation
from phy.numerics.jit import Loop

from ..environment import Feature

Array = np.ndarray
_LEAST_J = 1e-30
_MOST = 10.0  # charge over the mean


class Nodes(NamedTuple):
    """Describes the nodes at the start of a round."""

    energy_j: Array  # [B, N] float64
    alive: Array  # [B, N] bool
    sensed: Array  # [B, N] bool
    per_j: Array  # [B, N] float64, 1 over the charge at the start
    place: Array  # [B, N, 2] float32, position from -1 to 1
    sink: Array  # [B, N] float32, distance to the sink over the longer side


class UsualFeatures:
    """Computes all features of all nodes; what stays the same over rounds is computed once.

    Args:
        context: of the run.
        features: by name, as they are computed one by one.
    """

    def __init__(self, context: WsnContext, features: Mapping[str, Feature]) -> None:
        self._context, self._features = context, features
        self._per_j = (1.0 / context.initial_j.clamp(min=_LEAST_J)).contiguous().numpy()
        self._place = features["position"].compute(None, context).float().contiguous().numpy()
        self._sink: tuple[Tensor | None, Array] = None, np.empty((0, 0), np.float32)

    def __call__(self, seen: WsnObservation) -> Tensor:
        """Computes the features of a round, float32 ``[B, N, 7]``.

        Args:
            seen: at the start of the round.
        """
        energy, alive, sensed = (one.contiguous().numpy() for one in (seen.energy_j, seen.alive, seen.sensed))
        found = np.empty((*alive.shape, 7), np.float32)
        describe(Nodes(energy, alive, sensed, self._per_j, self._place, self._distance(seen)), found)
        return torch.from_numpy(found)

    def _distance(self, seen: WsnObservation) -> Array:
        """Returns the distances to the sink; a sink that stands still is the same tensor in every round."""
        sink, distance = self._sink
        if sink is not seen.sink_m:
            distance = self._features["sink"].compute(seen, self._context).float().contiguous().numpy()
            self._sink = seen.sink_m, distance
        return distance


@Loop
def describe(nodes: Nodes, found: Array) -> None:
    """Writes energy, energy_beside, alive, sensed, position (x and y) and sink of each node.

    Args:
        nodes: at the start of the round.
        found: written, float32 ``[B, N, 7]``.
    """
    energy_j, alive, sensed, per_j, place, sink = nodes
    for b in range(len(alive)):
        total, live = 0.0, 0
        for n in range(alive.shape[1]):
            total += energy_j[b, n]
            live += alive[b, n]
        over_mean = 1.0 / max(total / max(live, 1), _LEAST_J)
        for n in range(alive.shape[1]):
            found[b, n, 0] = energy_j[b, n] * per_j[b, n]
            found[b, n, 1] = min(energy_j[b, n] * over_mean, _MOST)
            found[b, n, 2], found[b, n, 3] = alive[b, n], sensed[b, n]
            found[b, n, 4], found[b, n, 5] = place[b, n, 0], place[b, n, 1]
            found[b, n, 6] = sink[b, n]
