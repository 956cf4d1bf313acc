"""Shares RBGs by max-weight: where backlog times rate is greatest."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from .apportionment import require_room


@dataclass(config=PARAMETERS)
class MaxWeight:
    """Gives RBG by RBG to the slice with the greatest remaining backlog times rate.

    Every slice first gets its least RBGs. An RBG carries ``rbg_prbs * bits_per_prb * slots of an interval`` bits,
    by which the backlog that counts for the next RBG is lower. Once no backlog is left, RBGs go to the slice with the
    fewest, so that they are there for what arrives later.

    Source: Tassiulas and Ephremides, "Stability properties of constrained queueing systems and scheduling policies for
    maximum throughput in multihop radio networks", IEEE Trans. Automatic Control 37(12), 1992 (max-weight serves the
    greatest queue times rate); serving in whole RBGs by what an interval will drain is ours.
    """

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Checks that the least quotas fit.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        self._free = context.rbgs - context.min_rbg * len(context.slices)
        self._least = context.min_rbg
        self._prb_slots = context.rbg_prbs * context.interval_s / context.slot_s
        self._slices = torch.arange(len(context.slices), device=context.device)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Shares out the RBGs one by one."""
        rate = observation.bits_per_prb.to(torch.float64)
        drain = rate * self._prb_slots
        rbg = torch.full_like(observation.rbg, self._least)
        left = observation.backlog_bits.to(torch.float64) - drain * self._least
        for _ in range(self._free):
            weight = left.clamp(min=0.0) * rate
            idle = weight.amax(-1, keepdim=True) <= 0
            best = torch.where(idle, -rbg.to(torch.float64), weight).argmax(-1, keepdim=True)
            taken = (self._slices == best).to(torch.int64)
            rbg = rbg + taken
            left = left - taken * drain
        return SlicingDecision(rbg)
