"""From heads to a decision: every node joins the nearest head, heads send to the sink. What clustering rules share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.wsn.listed import listed
from mac.wsn.types import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation

_ELEMENTS = 1 << 18  # distances computed at once; more would not fit a cache


@dataclass(frozen=True)
class Nearest:
    """The nearest head of each node."""

    head: Tensor  # [B, N] int64, -1 where the field has none
    distance_m2: Tensor  # [B, N] square of the distance to it, inf where there is none


def nearest(position_m: Tensor, chosen: Tensor) -> Nearest:
    """The nearest of the chosen nodes for every node; ties go to the lowest number.

    Args:
        position_m: ``[B, N, 2]``.
        chosen: bool ``[B, N]``.
    """
    heads = listed(chosen)
    nodes = chosen.shape[1]
    nobody = heads == nodes
    place = position_m.gather(1, heads.clamp(max=nodes - 1)[..., None].expand(-1, -1, 2))
    place = torch.where(nobody[..., None], torch.inf, place)
    rows = max(1, _ELEMENTS // (len(heads) * heads.shape[1]))
    parts = [_nearest_of(position_m[:, first : first + rows], place) for first in range(0, nodes, rows)]
    distance, which = (torch.cat(part, 1) for part in zip(*parts, strict=True))
    return Nearest(torch.where(distance < torch.inf, heads.gather(1, which), -1), distance)


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


def _nearest_of(position_m: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    apart = position_m[:, :, None, 0] - place[:, None, :, 0]
    other = position_m[:, :, None, 1] - place[:, None, :, 1]
    distance, which = apart.square_().add_(other.square_()).min(-1)
    return distance, which
