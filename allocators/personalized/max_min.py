"""Maximises the least rate."""

from __future__ import annotations

from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

from .cell import CellUsers, decide_by_cell


class MaxMin:
    """Gives the UEs of a cell equal rates with all its PRBs, which maximises the least of the rates."""

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context."""
        self._context = context

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Computes the PRBs of the interval."""
        return decide_by_cell(_prbs, observation, self._context)


def _prbs(ues: CellUsers) -> Tensor:
    for_one_bps = 1.0 / ues.bps_per_prb
    return for_one_bps * (ues.prbs / float(for_one_bps.sum()))
