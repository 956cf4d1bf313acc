"""Shares PRBs at random, so that windows of many rates are there to learn from."""

from __future__ import annotations

import torch

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation
from phy.random import Drops, uniform


class RandomShare:
    """Shares the PRBs of each cell at random: weights of each UE and interval, uniform, cubed so that rates vary."""

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context and the random numbers of each drop."""
        self._context = context
        self._keys = Drops(seed, context.drops.ids).keys("random share").to(context.device)

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Draws the PRBs of the interval."""
        users = self._context.users
        weight = uniform(self._keys, (users,), start=observation.interval * users) ** 3
        total = torch.zeros((len(weight), self._context.cells), dtype=weight.dtype, device=weight.device)
        total.scatter_add_(1, observation.serving, weight)
        return PersonalizedDecision(self._context.prbs * weight / total.gather(1, observation.serving))
