"""Routes packets by MTE: from node to node with the least energy of transmit amplifiers, without fusion."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.wsn import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2
from phy.sensors.radio_energy import transmit_j_per_bit
from phy.settings import PARAMETERS

_MOST_NODES = 2000


@dataclass(config=PARAMETERS)
class MinimumTransmissionEnergy:
    """Routes packets to the sink by least energy of the transmit amplifiers; receiving is not counted, as published.

    Routes are found anew in drops where a node has died or the sink has moved.

    Source: as a baseline of Heinzelman, Chandrakasan, Balakrishnan, "Energy-efficient communication protocol for
    wireless microsensor networks", HICSS 2000, section 3; Shepard, "A channel access scheme for large dense packet
    radio networks", SIGCOMM 1996.
    """

    def reset(self, context: WsnContext, seed: int) -> None:
        """Computes the energy of all pairs of nodes.

        Raises:
            ValueError: too many nodes.
        """
        if context.nodes > _MOST_NODES:
            raise ValueError(
                f"mte compares all pairs of nodes, and {context.nodes} are too many: take at most {_MOST_NODES}, "
                "or another allocator"
            )
        self._context = context
        place = context.position_m
        self._hop = self._amplifier(squared_distance_m2(place[:, :, None], place[:, None]))
        self._no_heads = torch.zeros_like(context.initial_j, dtype=torch.bool)
        self._parent = torch.full_like(self._no_heads, NO_WAY, dtype=torch.int64)
        self._seen: tuple[Tensor, Tensor] | None = None

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Sends each node's packets to its next hop."""
        stale = torch.ones_like(observation.alive[:, 0])
        if self._seen is not None:
            alive, sink = self._seen
            stale = (alive != observation.alive).any(1) | (sink != observation.sink_m).any(1)
        rows = stale.nonzero()[:, 0]
        if len(rows):
            self._parent = self._parent.index_copy(0, rows, self._routes(observation, rows))
        self._seen = observation.alive, observation.sink_m
        return WsnDecision(self._parent, self._no_heads)

    def _routes(self, observation: WsnObservation, rows: Tensor) -> Tensor:
        """Computes parents by the recursion of Bellman and Ford over all nodes at once, until no route gets shorter."""
        alive = observation.alive[rows]
        place, sink = self._context.position_m[rows], observation.sink_m[rows]
        way = self._amplifier(squared_distance_m2(place, sink[:, None]))
        way = torch.where(alive, way, torch.inf)
        parent = torch.where(alive, SINK, NO_WAY)
        hop = self._hop[rows]
        while True:
            length = (hop + way[:, None]).amin(-1)
            shorter = alive & (length < way * (1.0 - 1e-12))
            if not bool(shorter.any()):
                return parent
            drop, node = shorter.nonzero(as_tuple=True)
            parent[drop, node] = (hop[drop, node] + way[drop]).argmin(-1)  # slow, so only where it matters
            way = torch.where(shorter, length, way)

    def _amplifier(self, distance_m2: Tensor) -> Tensor:
        radio = self._context.radio
        return transmit_j_per_bit(radio, distance_m2) - radio.electronics_j_per_bit
