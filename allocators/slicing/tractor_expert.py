"""Shares RBGs by the constant quotas of TRACTOR's expert."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from .apportionment import apportion, require_room


@dataclass(config=PARAMETERS)
class TractorExpert:
    """Gives each kind of service a constant part of the RBGs: (3, 5, 9) of 17 for (mMTC, URLLC, eMBB).

    On a carrier with another number of RBGs, or where a service is absent, they are scaled in proportion and rounded
    by largest remainder; slices of one service share its part alike.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896 (baseline "expert"). Scaling and sharing are ours.
    """

    mmtc: float = Field(default=3, gt=0)
    """RBGs of mMTC, as a proportion."""
    urllc: float = Field(default=5, gt=0)
    """RBGs of URLLC, as a proportion."""
    embb: float = Field(default=9, gt=0)
    """RBGs of eMBB, as a proportion."""

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Scales the quotas to the carrier.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        parts = {"mmtc": self.mmtc, "urllc": self.urllc, "embb": self.embb}
        weights = [parts[service] / context.services.count(service) for service in context.services]
        self._rbg = apportion(
            torch.tensor(weights, dtype=torch.float64, device=context.device), context.rbgs, context.min_rbg
        )

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Returns the same quotas at every report."""
        return SlicingDecision(self._rbg.expand(observation.rbg.shape).contiguous())
