"""Joins every node to the nearest head, and heads to the sink.

B drops, N nodes, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.wsn import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import padded_indices, squared_distance_m2, squared_distance_to_m2
from phy.numerics.jit import uses_numba

_NUMBER = (1 << 29) - 1  # bits of a float64 that a float32 leaves free
_NOWHERE_M = 1e18  # farther than any node, and finite when squared


@dataclass(frozen=True)
class NearestHead:
    """Holds the nearest head of each node."""

    head: Tensor  # [B, N] int64, -1 where the field has none
    distance_m2: Tensor  # [B, N] square of the distance to it, inf where there is none


def find_nearest_head(position_m: Tensor, chosen: Tensor) -> NearestHead:
    """Finds the nearest of the chosen nodes for every node; ties go to the lowest number.

    Distances are compared in float32, to 1e-7 of themselves; the one that is returned is float64.

    Args:
        position_m: ``[B, N, 2]``.
        chosen: bool ``[B, N]``.
    """
    if chosen.device.type == "cpu" and position_m.dtype == torch.float64 and uses_numba():
        from .nearest_head_numba import find  # numba takes long to import

        head = torch.empty(chosen.shape, dtype=torch.int64)
        distance_m2 = torch.empty(chosen.shape, dtype=torch.float64)
        find(position_m.contiguous().numpy(), chosen.contiguous().numpy(), head.numpy(), distance_m2.numpy())
        return NearestHead(head, distance_m2)
    heads = padded_indices(chosen)
    nodes = chosen.shape[1]
    known = heads.clamp(max=nodes - 1)
    found = heads.gather(1, _nearest_column(position_m.to(torch.float32), known, heads == nodes))
    there = found < nodes
    distance = squared_distance_to_m2(position_m, found.clamp(max=nodes - 1))
    return NearestHead(torch.where(there, found, -1), torch.where(there, distance, torch.inf))


def _nearest_column(position_m: Tensor, heads: Tensor, padding: Tensor) -> Tensor:
    """Finds which of the heads ``[B, H]`` is nearest to each node, int64 ``[B, N]``; the first of equal distances.

    One head after the other for all nodes at once. A square in float32 leaves 29 bits of a float64 free, which hold the
    head's number: the least of these holds both the distance and the head, by additions and minima alone, which take a
    tenth of the time of ``argmin`` or of masks.
    """
    x, y = (axis.contiguous() for axis in position_m.unbind(-1))
    head_x, head_y = x.gather(1, heads).masked_fill_(padding, _NOWHERE_M), y.gather(1, heads)
    across, along = torch.empty_like(x), torch.empty_like(x)
    key = torch.empty_like(x, dtype=torch.float64)
    least = torch.full_like(key, torch.inf)
    for number in range(heads.shape[1]):
        torch.sub(x, head_x[:, number, None], out=across)
        torch.sub(y, head_y[:, number, None], out=along)
        key.copy_(across.mul_(across).add_(along.mul_(along)))
        key.view(torch.int64).add_(number)
        torch.minimum(least, key, out=least)
    return least.view(torch.int64) & _NUMBER


def join_nearest(
    chosen: Tensor, observation: WsnObservation, context: WsnContext, direct_if_nearer: bool = False
) -> WsnDecision:
    """Sends each live node to the nearest head, each head to the sink; without any head, all nodes to the sink.

    Args:
        chosen: bool ``[B, N]``, live nodes that are heads.
        observation: of the round.
        context: of the run.
        direct_if_nearer: a node to which the sink is nearer than any head sends to the sink.
    """
    found = find_nearest_head(context.position_m, chosen)
    direct = chosen | (found.head < 0)
    if direct_if_nearer:
        sink_m2 = squared_distance_m2(context.position_m, observation.sink_m[:, None])
        direct = direct | (sink_m2 <= found.distance_m2)
    parent = torch.where(direct, SINK, found.head)
    parent = torch.where(observation.alive, parent, NO_WAY)
    control = announcements(chosen, found, observation) if context.control_bits else None
    return WsnDecision(parent, chosen, control)


def announcements(chosen: Tensor, found: NearestHead, observation: WsnObservation) -> Control:
    """Returns the messages of the heads: each announces itself and its schedule, as far as its farthest member."""
    member = observation.alive & ~chosen & (found.head >= 0)
    target = torch.where(member, found.head, chosen.shape[1])
    batch, nodes = chosen.shape
    reach = torch.zeros((batch, nodes + 1), dtype=found.distance_m2.dtype, device=chosen.device)
    reach = reach.scatter_reduce_(1, target, torch.where(member, found.distance_m2, 0.0), "amax")[:, :nodes]
    return Control(2.0 * chosen, reach.sqrt())
