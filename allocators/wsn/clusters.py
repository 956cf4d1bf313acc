"""From heads to a decision: every node joins the nearest head, heads send to the sink. What clustering rules share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.wsn.listed import listed
from mac.wsn.types import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation

_ELEMENTS = 1 << 17  # distances computed at once; more would not fit a cache


@dataclass(frozen=True)
class Nearest:
    """The nearest head of each node."""

    head: Tensor  # [B, N] int64, -1 where the field has none
    distance_m2: Tensor  # [B, N] square of the distance to it, inf where there is none


def nearest(position_m: Tensor, chosen: Tensor) -> Nearest:
    """The nearest of the chosen nodes for every node; ties go to the lowest number.

    Distances are compared in float32, to 1e-7 of themselves; the one that is returned is float64.

    Args:
        position_m: ``[B, N, 2]``.
        chosen: bool ``[B, N]``.
    """
    heads = listed(chosen)
    nodes = chosen.shape[1]
    known = heads.clamp(max=nodes - 1)
    x, y = position_m.to(torch.float32).unbind(-1)
    nobody = heads == nodes
    head_x = x.gather(1, known).masked_fill_(nobody, torch.inf)[:, None]
    head_y = y.gather(1, known)[:, None]
    rows = max(1, _ELEMENTS // (len(heads) * heads.shape[1]))
    room = torch.empty((2, len(heads), min(rows, nodes), heads.shape[1]), device=x.device)
    which = torch.empty_like(chosen, dtype=torch.int64)
    for first in range(0, nodes, rows):
        some = slice(first, first + rows)
        apart, other = room[:, :, : len(x[0, some])]
        torch.sub(x[:, some, None], head_x, out=apart)
        torch.sub(y[:, some, None], head_y, out=other)
        which[:, some] = apart.square_().add_(other.square_()).argmin(-1)
    found = heads.gather(1, which)
    there = found < nodes
    place = position_m.gather(1, found.clamp(max=nodes - 1)[..., None].expand(-1, -1, 2))
    distance = (position_m - place).square().sum(-1)
    return Nearest(torch.where(there, found, -1), torch.where(there, distance, torch.inf))


def join_nearest(
    chosen: Tensor, observation: WsnObservation, context: WsnContext, direct_if_nearer: bool = False
) -> WsnDecision:
    """Each live node to the nearest head, each head to the sink; without any head, everybody to the sink.

    Args:
        chosen: bool ``[B, N]`` heads, live ones.
        observation: of the round.
        context: of the run.
        direct_if_nearer: a node to which the sink is nearer than any head sends to the sink.
    """
    found = nearest(context.position_m, chosen)
    direct = chosen | (found.head < 0)
    if direct_if_nearer:
        sink_m2 = (context.position_m - observation.sink_m[:, None]).square().sum(-1)
        direct = direct | (sink_m2 <= found.distance_m2)
    parent = torch.where(direct, SINK, found.head)
    parent = torch.where(observation.alive, parent, NO_WAY)
    return WsnDecision(parent, chosen, announced(chosen, found, observation))


def announced(chosen: Tensor, found: Nearest, observation: WsnObservation) -> Control:
    """Each head announces itself and then its schedule, both as far as its farthest member."""
    member = observation.alive & ~chosen & (found.head >= 0)
    target = torch.where(member, found.head, chosen.shape[1])
    batch, nodes = chosen.shape
    reach = torch.zeros((batch, nodes + 1), dtype=found.distance_m2.dtype, device=chosen.device)
    reach = reach.scatter_reduce_(1, target, torch.where(member, found.distance_m2, 0.0), "amax")[:, :nodes]
    return Control(2.0 * chosen, reach.sqrt())
