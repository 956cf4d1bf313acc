"""Shares RBGs in proportion to demand."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from .apportionment import apportion, require_room

Demand = Literal["requested", "arrived"]


@dataclass(config=PARAMETERS)
class DemandProportional:
    """Gives each slice RBGs in proportion to its demand of the last interval, equal numbers where there is none.

    No slice gets fewer than its least.
    """

    demand: Demand = "requested"
    """Measure of demand: "requested", the PRBs that would have emptied the queues, summed over slots, so that waiting
    data count in every slot; or "arrived", the bits that came over the bits that a PRB carries."""

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Checks that the least quotas fit.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        self._rbgs, self._least = context.rbgs, context.min_rbg

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Shares the RBGs in proportion to the last report."""
        return SlicingDecision(apportion(demand_prbs(observation, self.demand), self._rbgs, self._least))


def demand_prbs(observation: SlicingObservation, demand: Demand) -> Tensor:
    """Computes the demand of each slice in PRBs, ``[B, C, S]``; 0 of slices whose UEs are all out of range."""
    if demand == "requested":
        return observation.requested_prbs
    rate = observation.bits_per_prb
    return torch.where(rate > 0, observation.arrived_bits / rate.clamp(min=1.0), 0.0)
