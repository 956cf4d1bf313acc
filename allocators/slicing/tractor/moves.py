"""Defines TRACTOR's decision process: the state, the seven moves of an RBG, and which moves are possible.

A state is five whole numbers: UEs of mMTC, URLLC and eMBB, RBGs of mMTC and URLLC; eMBB has the other RBGs. An action
is 0, keep the quotas, or one of the six ordered pairs (giver, taker) of services: one RBG moves. A giver that is down
to its least cannot give. The order of the six pairs is ours.

Source: arXiv 2312.07896 and its authors' code. Ours is what a context of another shape means: several slices of one
service count as one, of which the one with most RBGs gives and the one with fewest takes; a service without a slice
takes and gives nothing; and RBGs of a carrier that has not 17 of them are scaled to 17 for the state.

B drops, C cells, S slices.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from mac.slicing import SlicingContext, SlicingObservation
from mac.slicing.settings import Service

SERVICES: tuple[Service, ...] = ("mmtc", "urllc", "embb")
RBGS = 17
MOST_UES = 10
"""UEs of a service that the published system has at most; more count as so many."""
PAIRS = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))
"""Giver and taker, as places in :data:`SERVICES`, of the actions 1 to 6."""
ACTIONS = 1 + len(PAIRS)
STATE = 5
SCALE = (MOST_UES, MOST_UES, MOST_UES, RBGS, RBGS)
"""By which the numbers of a state are divided for a network."""

_LOWEST = -(1 << 30)


class Moves:
    """Translates the slices of a context to the decision process, and its actions back to quotas.

    Args:
        context: of the run.
    """

    def __init__(self, context: SlicingContext) -> None:
        self.least, self.rbgs, device = context.min_rbg, context.rbgs, context.device
        services = [SERVICES.index(service) for service in context.services]
        self._of_service = torch.tensor([[one == service for one in services] for service in range(3)], device=device)
        self._present = self._of_service.any(1)
        self._giver, self._taker = torch.tensor([(0, 0), *PAIRS], device=device).unbind(1)

    def state(self, observation: SlicingObservation) -> Tensor:
        """Returns the state of each cell, int64 ``[B, C, 5]``."""
        users = self._sum(observation.users.to(torch.int64)).clamp(max=MOST_UES)
        rbg = self._sum(observation.rbg)
        if self.rbgs != RBGS:
            rbg = (2 * RBGS * rbg + self.rbgs) // (2 * self.rbgs)  # to the nearest whole number
        return torch.cat([users, rbg[..., :2]], -1)

    def possible(self, observation: SlicingObservation) -> Tensor:
        """Returns the actions that are possible, bool ``[B, C, 7]``; to keep the quotas always is."""
        able = self._most(observation.rbg)[0] > self.least  # [B, C, 3]
        open_ = able[..., self._giver] & self._present[self._taker]
        open_[..., 0] = True
        return open_

    def after(self, observation: SlicingObservation, action: Tensor) -> Tensor:
        """Returns the quotas after possible actions, int64 ``[B, C, S]``.

        Args:
            observation: of the last interval.
            action: int64 ``[B, C]``.
        """
        rbg = observation.rbg
        giver = self._most(rbg)[1].gather(-1, self._giver[action][..., None])
        taker = self._most(-rbg)[1].gather(-1, self._taker[action][..., None])
        step = (action > 0)[..., None].to(torch.int64)
        return rbg.scatter_add(-1, giver, -step).scatter_add(-1, taker, step)

    def _sum(self, values: Tensor) -> Tensor:
        """Sums over the slices of each service, ``[B, C, 3]`` from ``[B, C, S]``."""
        return reduce(torch.add, (values[..., None] * self._of_service.T).unbind(-2))

    def _most(self, rbg: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the greatest number of each service and the first slice that has it, both ``[B, C, 3]``."""
        values = torch.where(self._of_service, rbg[..., None, :], _LOWEST)
        return values.amax(-1), values.argmax(-1)


def possible_from(states: Tensor, least: int) -> Tensor:
    """Returns the actions that are possible in states of 17 RBGs, bool ``[samples, 7]``.

    Args:
        states: int64 ``[samples, 5]``.
        least: RBGs that every slice keeps.
    """
    able = rbg_of(states) > least
    giver = torch.tensor([0, *(pair[0] for pair in PAIRS)])
    open_ = able[:, giver]
    open_[:, 0] = True
    return open_


def rbg_of(states: Tensor) -> Tensor:
    """Returns the RBGs of mMTC, URLLC and eMBB in states of 17 RBGs, int64 ``[samples, 3]``."""
    own = states[:, 3:]
    return torch.cat([own, RBGS - own.sum(1, keepdim=True)], 1)


def next_states(states: Tensor, actions: Tensor) -> Tensor:
    """Returns the states after actions, int64 ``[samples, 5]``; the UEs stay."""
    change = torch.zeros(ACTIONS, STATE, dtype=torch.int64)
    for action, (giver, taker) in enumerate(PAIRS, 1):
        for service, step in ((giver, -1), (taker, 1)):
            if service < 2:
                change[action, 3 + service] = step
    return states + change[actions]


def actions_between(before: Tensor, after: Tensor) -> Tensor:
    """Returns the action that leads from quotas to quotas, int64 ``[samples]``; -1 where none does.

    Args:
        before: int64 ``[samples, 3]`` RBGs of mMTC, URLLC and eMBB.
        after: likewise.
    """
    step = after - before
    found = torch.full((len(step),), -1, dtype=torch.int64)
    found[(step == 0).all(1)] = 0
    for action, (giver, taker) in enumerate(PAIRS, 1):
        wanted = torch.zeros(3, dtype=torch.int64)
        wanted[giver], wanted[taker] = -1, 1
        found[(step == wanted).all(1)] = action
    return found
