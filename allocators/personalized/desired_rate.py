"""Gives every UE its desired rate."""

from __future__ import annotations

from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

from .cell import CellUsers, decide_by_cell


class DesiredRate:
    """Gives every UE the PRBs for its desired rate: the baseline that saves nothing.

    Where a cell has too few PRBs, all UEs get the same share of what they need (ours).
    """

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context."""
        self._context = context

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Computes the PRBs of the interval."""
        return decide_by_cell(_prbs, observation, self._context)


def _prbs(ues: CellUsers) -> Tensor:
    needed = ues.desired_prbs()
    return needed * min(1.0, ues.prbs / float(needed.sum()))
