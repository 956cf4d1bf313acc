"""HEED: heads by residual charge in a few rounds of messages, and by cost where they overlap."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from allocators.settings import PARAMETERS
from mac.wsn.distance import apart_m2
from mac.wsn.listed import listed
from mac.wsn.types import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation
from phy.random import uniform

_TURNS = 20  # p_min 1e-4 doubles to 1 in 14
_PAIRS = 1 << 22  # distances held at once


@dataclass(config=PARAMETERS)
class Heed:
    """Hybrid energy-efficient distributed clustering.

    A node offers itself with ``CHprob = max(C_prob E / E_max, p_min)``, doubled in every turn; one that hears of a
    cheaper offer within the radius waits, and one whose CHprob has come to 1 without a cheaper one is head. Who has
    heard of no head in the end is one itself. Cost is AMRP, the mean of the squared distances to the neighbours within
    the radius (of all nodes at the start: ours). Heads send to the sink.

    Source: Younis, Fahmy, IEEE Trans. Mobile Computing 3(4), 2004.
    """

    c_prob: float = Field(default=0.05, gt=0, le=1)
    """First chance of a full battery."""
    p_min: float = Field(default=1e-4, gt=0, le=1)
    """Least chance."""
    radius_m: float = Field(default=25.0, gt=0, le=1e5)
    """Range of a cluster."""

    def reset(self, context: WsnContext, seed: int) -> None:
        """Costs of all nodes."""
        self._context, self._keys = context, context.drops.keys(f"heed/{seed}").to(context.device)
        self._cost = neighbour_power(context.position_m, self.radius_m)
        self._most = context.initial_j.amax(1, keepdim=True).clamp(min=1e-300)

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Offer, wait, lead or join."""
        chance = (self.c_prob * observation.energy_j / self._most).clamp(self.p_min, 1.0)
        offered = torch.zeros_like(observation.alive)
        final, messages = offered, torch.zeros_like(chance)
        for turn in range(_TURNS):
            best = self._cheapest(offered)
            luck = self._luck(observation.round, turn)
            alone = observation.alive & (best < 0)
            own = best == self._own
            fresh = alone & (luck < chance)  # a chance of 1 always wins
            leads = (observation.alive & own & ~final & (chance >= 1.0)) | (fresh & (chance >= 1.0))
            messages = messages + fresh + (leads & ~fresh)
            offered, final = offered | fresh, final | leads
            if bool((chance >= 1.0)[observation.alive].all()):
                break
            chance = (2.0 * chance).clamp(max=1.0)
        final = final | (observation.alive & (self._cheapest(final) < 0))
        joined = self._cheapest(final)
        parent = torch.where(final, SINK, joined)
        parent = torch.where(observation.alive, parent, NO_WAY)
        return WsnDecision(parent, final, Control(messages + final, torch.full_like(messages, self.radius_m)))

    @property
    def _own(self) -> Tensor:
        return torch.arange(self._context.nodes, device=self._cost.device).expand_as(self._cost)

    def _luck(self, round_: int, turn: int) -> Tensor:
        nodes = self._context.nodes
        return uniform(self._keys, (nodes,), start=(round_ * _TURNS + turn) * nodes)

    def _cheapest(self, chosen: Tensor) -> Tensor:
        """Cheapest of the chosen within the radius of each node, itself included, int64 ``[B, N]``; -1 for none."""
        place, nodes = self._context.position_m, self._context.nodes
        heads = listed(chosen)
        known = heads.clamp(max=nodes - 1)
        where = place.gather(1, known[..., None].expand(-1, -1, 2))
        cost = torch.where(heads == nodes, torch.inf, self._cost.gather(1, known))
        rows = max(1, _PAIRS // (len(heads) * heads.shape[1]))
        parts = []
        for first in range(0, nodes, rows):
            some = place[:, first : first + rows]
            apart = (some[:, :, None, 0] - where[:, None, :, 0]).square()
            apart += (some[:, :, None, 1] - where[:, None, :, 1]).square()
            best, which = torch.where(apart <= self.radius_m**2, cost[:, None], torch.inf).min(-1)
            parts.append(torch.where(best < torch.inf, heads.gather(1, which), -1))
        return torch.cat(parts, 1)


def neighbour_power(position_m: Tensor, radius_m: float) -> Tensor:
    """Mean squared distance to the other nodes within a radius, ``[B, N]`` in m^2; 0 for one that has none."""
    nodes = position_m.shape[1]
    rows = max(1, _PAIRS // (len(position_m) * nodes))
    parts = []
    for first in range(0, nodes, rows):
        some = position_m[:, first : first + rows]
        apart = apart_m2(some[:, :, None], position_m[:, None])
        near = apart <= radius_m**2
        parts.append((apart * near).sum(-1) / (near.sum(-1) - 1).clamp(min=1))
    return torch.cat(parts, 1)
