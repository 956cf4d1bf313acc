"""Computes the equilibrium of a volunteer's dilemma: a head pays for its cluster, the others gain if there is a head.

Each of the n members of a cluster chooses whether to lead. Its payoff is u if it leads, v if it does not and another
does, and 0 if none does, with 0 < u < v. In the symmetric mixed equilibrium every member leads with a probability q at
which both choices are worth the same,

    u = v (1 - (1 - q)^(n - 1)),    q = 1 - (1 - u / v)^(1 / (n - 1)).

A node that is alone leads; u <= 0 never leads, u >= v always does. Members take each other to be like themselves
(ours): with the true u of each, the one with most to gain would lead least, as the others must keep it indifferent.

Source of the game: Diekmann, "Volunteer's dilemma", J. Conflict Resolution 29, 1985; the payoffs after
arXiv 2508.12707 and ours, see :class:`GameSettings`.
"""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from phy.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class GameSettings:
    """Sets the payoffs: ``u = alpha E_res / E_max - beta e_CH - gamma |members|`` of a head, v of a follower (ours)."""

    alpha: float = Field(default=1.0, ge=0, le=1000)
    """Weight of the residual charge over the greatest of the cluster's."""
    beta: float = Field(default=0.5, ge=0, le=1000)
    """Weight of what a round as head costs, over what it costs the node of the cluster that pays most."""
    gamma: float = Field(default=0.005, ge=0, le=1000)
    """Weight of the number of members."""
    v: float = Field(default=1.0, gt=0, le=1000)
    """Payoff of a follower whose cluster has a head."""


def payoff(settings: GameSettings, charge: Tensor, cost: Tensor, members: Tensor) -> Tensor:
    """Computes the payoff u of leading, of the shape of ``charge``.

    Args:
        settings: weights.
        charge: residual over the greatest of the cluster, 0 to 1.
        cost: of a round as head, over the greatest of the cluster, 0 to 1.
        members: of the cluster, itself included.
    """
    return settings.alpha * charge - settings.beta * cost - settings.gamma * members


def equilibrium(payoff_of_leading: Tensor, v: float, members: Tensor) -> Tensor:
    """Computes the probability of leading in the symmetric mixed equilibrium, of the shape of the payoff.

    Args:
        payoff_of_leading: u.
        v: payoff of following a head.
        members: n of the cluster, itself included, at least 1.
    """
    ratio = (payoff_of_leading / v).clamp(0.0, 1.0)
    others = (members - 1.0).clamp(min=1.0)
    probability = 1.0 - (1.0 - ratio).pow(1.0 / others)
    return torch.where(members <= 1, torch.ones_like(probability), probability)
