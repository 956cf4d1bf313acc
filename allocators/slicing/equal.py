"""Equal quotas."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from .apportionment import apportion, require_room


@dataclass(config=PARAMETERS)
class Equal:
    """The RBGs split evenly among the slices of every cell, the remainder to the first slices."""

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Split.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        self._rbg = apportion(torch.ones(len(context.slices), device=context.device), context.rbgs, context.min_rbg)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """The same at every report."""
        return SlicingDecision(self._rbg.expand(observation.rbg.shape).contiguous())
