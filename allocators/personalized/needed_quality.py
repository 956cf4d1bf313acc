"""Gives every UE the quality that it needs for the target satisfaction, and no more."""

from __future__ import annotations

from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

from .cell import CellUsers, cheapest_that_fit, decide_by_cell


class NeededQuality:
    """Gives every UE the least PRBs for the target satisfaction, by the zone that is told: the left end of the front.

    Where a cell has too few PRBs, those that need least come first, which satisfies most UEs; the others get nothing
    (ours).

    Source: arXiv 2307.03867 (abstract) for the idea.
    """

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context."""
        self._context = context

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Computes the PRBs of the interval."""
        return decide_by_cell(_prbs, observation, self._context)


def _prbs(ues: CellUsers) -> Tensor:
    return cheapest_that_fit(ues.target_prbs(), ues.prbs)
