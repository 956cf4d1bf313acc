"""Selects heads by HEED: by residual charge in a few exchanges of messages, and by cost where they overlap."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.wsn import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2
from phy.random import uniform
from phy.settings import PARAMETERS

from .clustering.multi_hop import BetweenHeads, route_heads

_TURNS = 20  # p_min 1e-4 doubles to 1 in 14
_PAIRS = 1 << 22  # distances held at once
_FAR = 1e30  # ranks a square metre


@dataclass(config=PARAMETERS)
class Heed:
    """Selects heads by residual charge and by distance to neighbours: hybrid energy-efficient distributed clustering.

    A node offers itself with ``CHprob = max(C_prob E / E_max, p_min)``, doubled in every turn; one that hears of a
    cheaper offer within the radius waits, and one whose CHprob has come to 1 without a cheaper one is head. A node that
    has heard of no head in the end is one itself. Cost is AMRP, the mean of the squared distances to the neighbours
    within the radius (of all nodes at the start: ours). Heads send to the sink.

    Source: Younis, Fahmy, "HEED: A hybrid, energy-efficient, distributed clustering approach for ad hoc sensor
    networks", IEEE Trans. Mobile Computing 3(4), 2004.
    """

    c_prob: float = Field(default=0.05, gt=0, le=1)
    """First probability of a full battery."""
    p_min: float = Field(default=1e-4, gt=0, le=1)
    """Least probability."""
    radius_m: float = Field(default=25.0, gt=0, le=1e5)
    """Range of a cluster."""
    between_heads: BetweenHeads = "single_hop"
    """Whether heads send to the sink, or by way of other heads where that takes less energy: single_hop, multi_hop."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Ranks all nodes by cost, ties by number."""
        self._context, self._keys = context, context.drops.keys(f"heed/{seed}").to(context.device)
        self._by_cost = neighbour_power(context.position_m, self.radius_m).argsort(dim=1, stable=True)
        self._rank = self._by_cost.argsort(1).to(torch.float64)
        self._axes = tuple(axis.contiguous() for axis in context.position_m.unbind(-1))
        self._most = context.initial_j.amax(1, keepdim=True).clamp(min=1e-300)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Runs the iterations of HEED until each node is head or has received the offer of one."""
        alive, silence = observation.alive, torch.full_like(self._rank, torch.inf)
        chance = (self.c_prob * observation.energy_j / self._most).clamp(self.p_min, 1.0)
        final, messages = torch.zeros_like(alive), torch.zeros_like(chance)
        offer = silence  # rank of the cheapest offer that a node hears
        for turn in range(_TURNS):
            alone = alive & (offer == torch.inf)
            if not bool(alone.any()):  # no further offers: the nodes of the cheapest ones become heads
                leads = alive & (offer == self._rank) & ~final
                messages, final = messages + leads, final | leads
                break
            certain = chance >= 1.0
            fresh = alone & (self._draw(observation.round, turn) < chance)  # 1 always wins
            leads = (alive & (offer == self._rank) & ~final & certain) | (fresh & certain)
            messages = messages + fresh + (leads & ~fresh)
            final = final | leads
            offer = self._cheapest(fresh, offer)
            chance = (2.0 * chance).clamp(max=1.0)
        heard = self._cheapest(final, silence)
        left = alive & (heard == torch.inf)
        heard = self._cheapest(left, heard)
        final = final | left
        joined = self._by_cost.gather(1, heard.clamp(max=self._context.nodes - 1).long())
        parent = torch.where(final, SINK, joined)
        parent = torch.where(alive, parent, NO_WAY)
        control = Control(messages + final, torch.full_like(messages, self.radius_m))
        decision = WsnDecision(parent, final, control)
        return route_heads(decision, observation, self._context, self.between_heads)

    def _draw(self, round_: int, turn: int) -> Tensor:
        nodes = self._context.nodes
        return uniform(self._keys, (nodes,), start=(round_ * _TURNS + turn) * nodes)

    def _cheapest(self, chosen: Tensor, least: Tensor) -> Tensor:
        """Computes the least rank of the chosen nodes within the radius of each node, or ``least`` where that is less.

        The chosen of all drops are one list, and outside of the radius a rank becomes enormous: no masks.
        """
        drop, node = chosen.nonzero(as_tuple=True)
        x, y = self._axes
        nodes, least = chosen.shape[1], least.clone()
        rows = max(1, _PAIRS // nodes)
        for some in (slice(first, first + rows) for first in range(0, len(drop), rows)):
            row, head = drop[some], node[some]
            across, along = x[row] - x[row, head][:, None], y[row] - y[row, head][:, None]
            beyond = across.mul_(across).add_(along.mul_(along)).sub_(self.radius_m**2).clamp_(min=0.0)
            rank = beyond.mul_(_FAR).add_(self._rank[row, head][:, None])
            least.scatter_reduce_(0, row[:, None].expand_as(rank), rank, "amin")
        return torch.where(least < nodes, least, torch.inf)


def neighbour_power(position_m: Tensor, radius_m: float) -> Tensor:
    """Computes the mean squared distance to the other nodes within a radius, ``[B, N]`` in m^2; 0 without any."""
    nodes = position_m.shape[1]
    rows = max(1, _PAIRS // (len(position_m) * nodes))
    parts = []
    for first in range(0, nodes, rows):
        some = position_m[:, first : first + rows]
        distance_m2 = squared_distance_m2(some[:, :, None], position_m[:, None])
        near = distance_m2 <= radius_m**2
        parts.append((distance_m2 * near).sum(-1) / (near.sum(-1) - 1).clamp(min=1))
    return torch.cat(parts, 1)
