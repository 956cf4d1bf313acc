"""Maximises the sum of the logarithms of the rates."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

from .cell import CellUsers, decide_by_cell


class ProportionalFair:
    """Gives the UEs of a cell equal PRBs, all that it has.

    With rates in proportion to PRBs this maximises sum log(rate): the derivative 1 / prbs is the same for all.
    """

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context."""
        self._context = context

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Computes the PRBs of the interval."""
        return decide_by_cell(_prbs, observation, self._context)


def _prbs(ues: CellUsers) -> Tensor:
    return torch.full_like(ues.bps_per_prb, ues.prbs / len(ues.bps_per_prb))
