"""Computes the usual features of sensor nodes in a compiled loop; one by one they stand in :mod:`.environment`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mac.wsn import WsnContext, WsnObservation
from phy.numerics.jit import Loop

Array = np.ndarray
_LEAST_J = 1e-30
_MOST = 10.0  # charge over the mean


class Nodes(NamedTuple):
    """Describes the nodes at the start of a round."""

    energy_j: Array  # [B, N] float64
    initial_j: Array  # [B, N] float64
    alive: Array  # [B, N] bool
    sensed: Array  # [B, N] bool
    position_m: Array  # [B, N, 2] float64
    sink_m: Array  # [B, 2] float64


def usual_features(seen: WsnObservation, context: WsnContext) -> Tensor:
    """Computes all features of all nodes, float32 ``[B, N, 7]``.

    Args:
        seen: at the start of the round.
        context: of the run.
    """
    tensors = seen.energy_j, context.initial_j, seen.alive, seen.sensed, context.position_m, seen.sink_m
    found = torch.empty((*seen.alive.shape, 7), dtype=torch.float32)
    describe(Nodes(*(one.contiguous().numpy() for one in tensors)), *context.extent_m, found.numpy())
    return found


@Loop
def describe(nodes: Nodes, width_m: float, height_m: float, found: Array) -> None:
    """Writes energy, energy_beside, alive, sensed, position (x and y) and sink of each node.

    Args:
        nodes: at the start of the round.
        width_m: extent of the field in x.
        height_m: extent of the field in y.
        found: written, float32 ``[B, N, 7]``.
    """
    energy_j, initial_j, alive, sensed = nodes.energy_j, nodes.initial_j, nodes.alive, nodes.sensed
    place, sink = nodes.position_m, nodes.sink_m
    along_x, along_y, longest = 2.0 / width_m, 2.0 / height_m, 1.0 / max(width_m, height_m)
    for b in range(len(alive)):
        total, live = 0.0, 0
        for n in range(alive.shape[1]):
            total += energy_j[b, n]
            live += alive[b, n]
        over_mean = 1.0 / max(total / max(live, 1), _LEAST_J)
        for n in range(alive.shape[1]):
            x, y = place[b, n, 0], place[b, n, 1]
            found[b, n, 0] = energy_j[b, n] / max(initial_j[b, n], _LEAST_J)
            found[b, n, 1] = min(energy_j[b, n] * over_mean, _MOST)
            found[b, n, 2], found[b, n, 3] = alive[b, n], sensed[b, n]
            found[b, n, 4], found[b, n, 5] = x * along_x - 1.0, y * along_y - 1.0
            found[b, n, 6] = math.sqrt((x - sink[b, 0]) ** 2 + (y - sink[b, 1]) ** 2) * longest
