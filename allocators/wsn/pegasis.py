"""Routes packets by PEGASIS: along a chain through all nodes, to a leader that changes every round."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.wsn import NO_WAY, SINK, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2
from phy.settings import PARAMETERS


@dataclass(config=PARAMETERS)
class Pegasis:
    """Fuses packets along a chain towards a leader, which sends to the sink: power-efficient gathering.

    The chain is greedy: it begins at the node farthest from the sink and goes on to the nearest that is not yet in it.
    The leader of round r is the live node number ``r mod n`` of the chain; the dead are bypassed.

    A node pays aggregation for the packet that it receives and fuses with its own; the ends of the chain fuse nothing.

    Source: Lindsey, Raghavendra, "PEGASIS: Power-efficient gathering in sensor information systems", IEEE Aerospace
    Conference 2002.
    """

    fuse_own: bool = False
    """Every node pays aggregation for its own packet, too, as heads of clusters do."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Drops the chain; it is made when the sink is first observed."""
        self._context = context
        self._order: Tensor | None = None

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Sends each node's packet to its neighbour on the leader's side."""
        if self._order is None:
            self._order = greedy_chain(self._context.position_m, observation.sink_m)
        order, nodes = self._order, self._context.nodes
        lives = observation.alive.gather(1, order)
        count = lives.sum(1, keepdim=True)
        rank = lives.cumsum(1) - 1  # place of each live node in the chain of the living
        leader = observation.round % count.clamp(min=1)
        # By rank: the node there, so that neighbours are found over gaps.
        column = torch.where(lives, rank, nodes)
        living = torch.full((len(order), nodes + 1), NO_WAY, dtype=torch.int64, device=order.device)
        living = living.scatter_(1, column, order)
        next_rank = torch.where(rank < leader, rank + 1, rank - 1).clamp(min=0)
        towards = torch.where(rank == leader, SINK, living.gather(1, next_rank))
        towards = torch.where(lives, towards, NO_WAY)
        parent = torch.empty_like(towards).scatter_(1, order, towards)
        own = torch.full_like(observation.alive, self.fuse_own)
        return WsnDecision(parent, observation.alive.clone(), fuses_own=own)


def greedy_chain(position_m: Tensor, sink_m: Tensor) -> Tensor:
    """Computes the order of the nodes in the greedy chain, int64 ``[B, N]``, one node after the other.

    Args:
        position_m: ``[B, N, 2]``.
        sink_m: ``[B, 2]``.
    """
    nodes = position_m.shape[1]
    here = squared_distance_m2(position_m, sink_m[:, None]).argmax(1)
    taken = torch.zeros_like(position_m[..., 0])
    order = [here]
    for _ in range(nodes - 1):
        taken = taken.scatter(1, here[:, None], torch.inf)
        place = position_m.gather(1, here[:, None, None].expand(-1, -1, 2))
        here = (squared_distance_m2(position_m, place) + taken).argmin(1)
        order.append(here)
    return torch.stack(order, 1)
