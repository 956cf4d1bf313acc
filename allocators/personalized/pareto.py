"""Maximises the mean satisfaction of a given number of PRBs."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation
from phy.settings import PARAMETERS

from .cell import CellUsers, decide_by_cell
from .front import best_prbs


@dataclass(config=PARAMETERS)
class Pareto:
    """Gives the PRBs that maximise the mean satisfaction, targets first: a point of the exact Pareto front.

    By a price of PRBs where satisfaction is concave above the target, elsewhere by dynamic programming over quarters of
    PRBs (:mod:`.front`). In a cell where the targets do not fit, the mean satisfaction alone counts.
    """

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of a cell's PRBs that is given at most: the point on the front."""

    def reset(self, context: PersonalizedContext, seed: int) -> None:
        """Keeps the context."""
        self._context = context

    def decide(self, observation: PersonalizedObservation) -> PersonalizedDecision:
        """Computes the PRBs of the interval."""
        return decide_by_cell(self._prbs, observation, self._context)

    def _prbs(self, ues: CellUsers) -> Tensor:
        return best_prbs(ues, self.share * ues.prbs)
