"""Shares RBGs equally."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from .apportionment import apportion, require_room


@dataclass(config=PARAMETERS)
class Equal:
    """Gives all slices of a cell equally many RBGs, the remainder to the first slices."""

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Computes the quotas.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        self._rbg = apportion(torch.ones(len(context.slices), device=context.device), context.rbgs, context.min_rbg)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Returns the same quotas at every report."""
        return SlicingDecision(self._rbg.expand(observation.rbg.shape).contiguous())
