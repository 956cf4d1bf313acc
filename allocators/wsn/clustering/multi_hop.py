"""Routes packets from head to head where that takes less energy than sending to the sink.

B drops, N nodes, H heads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from mac.wsn import SINK, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import padded_indices, squared_distance_m2
from phy.sensors.radio_energy import transmit_j_per_bit

BetweenHeads = Literal["single_hop", "multi_hop"]
"""Every head sends to the sink, or by way of other heads (:func:`route_heads`)."""

_PAIRS = 1 << 22  # distances held at once


def route_heads(
    decision: WsnDecision, observation: WsnObservation, context: WsnContext, between_heads: BetweenHeads
) -> WsnDecision:
    """Returns the decision with routes over other heads if ``multi_hop`` is asked for (ours).

    Of the heads that are nearer to the sink than itself, a head takes the one that is nearest to it, if sending to it,
    and its receiving and fusing, take less energy than sending to the sink. Distances to the sink fall along every
    route, so none is a circle.

    Args:
        decision: heads that send to the sink.
        observation: of the round.
        context: of the run.
        between_heads: one hop or several.
    """
    if between_heads == "single_hop":
        return decision
    heads, nodes = padded_indices(decision.head), context.nodes
    padding, known = heads == nodes, heads.clamp(max=nodes - 1)
    place = context.position_m.gather(1, known[..., None].expand(-1, -1, 2))  # [B, H, 2]
    sink_m2 = squared_distance_m2(place, observation.sink_m[:, None]).masked_fill(padding, torch.inf)
    parts, rows = [], max(1, _PAIRS // max(1, heads.numel()))
    for first in range(0, heads.shape[1], rows):
        some = slice(first, first + rows)
        distance_m2 = squared_distance_m2(place[:, some, None], place[:, None])
        distance_m2 = torch.where(sink_m2[:, None] < sink_m2[:, some, None], distance_m2, torch.inf)
        parts.append(distance_m2.min(-1))
    nearest_m2, which = (torch.cat([part[n] for part in parts], 1) for n in (0, 1))
    radio = context.radio
    relayed = transmit_j_per_bit(radio, nearest_m2) + radio.electronics_j_per_bit + radio.aggregation_j_per_bit
    up = torch.where(relayed < transmit_j_per_bit(radio, sink_m2), known.gather(1, which), SINK)
    parent = torch.cat((decision.parent, decision.parent[:, :1]), 1)  # column N takes the padding
    return replace(decision, parent=parent.scatter(1, heads, up)[:, :nodes])
