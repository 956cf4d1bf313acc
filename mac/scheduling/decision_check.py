"""Checks the decision of each slot, in one of three ways that are chosen once."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..core.contracts import InfeasibleDecision
from .feasible import repair_partners, repair_scheduling, require_scheduling
from .types import SchedulingContext, SchedulingDecision, SchedulingObservation

Mode = Literal["immediate", "deferred", "repair"]


class DecisionCheck:
    """Checks decisions.

    ``immediate`` raises at the wrong decision, and names UE, cell and PRB. ``deferred`` takes forbidden PRBs back and
    raises at the end of the block of slots, since reading a verdict back in every slot would stop a GPU. ``repair``
    takes forbidden PRBs back and counts them.

    Args:
        context: of the run.
        block_slots: slots of a block.
        mode: one of the three.
    """

    def __init__(self, context: SchedulingContext, block_slots: int, mode: Mode) -> None:
        self.context, self.block_slots, self.mode = context, block_slots, mode
        self.none = torch.zeros(len(context.drops), dtype=torch.int64, device=context.device)
        """No breaches, ``[B]``."""

    @classmethod
    def of(cls, context: SchedulingContext, block_slots: int, repair: bool) -> DecisionCheck:
        """Returns the check that repairs; without ``repair`` the immediate one on a CPU, the deferred one on a GPU."""
        at_once: Mode = "immediate" if context.device.type == "cpu" else "deferred"
        return cls(context, block_slots, "repair" if repair else at_once)

    def enforce(
        self, decision: SchedulingDecision, observation: SchedulingObservation
    ) -> tuple[SchedulingDecision, Tensor]:
        """Returns the decision that is carried out, and the breaches ``[B]`` that were taken back.

        Raises:
            InfeasibleDecision: what is no tensor of the right shape and type; any breach where ``immediate``.
        """
        if self.mode == "immediate":
            return require_scheduling(decision, observation, self.context), self.none
        user, breaches = repair_scheduling(decision, observation, self.context)
        mended = repair_partners(decision, user, observation, self.context)
        if mended is None:
            return SchedulingDecision(user), breaches
        return SchedulingDecision(user, mended[0]), breaches + mended[1]

    def judge(self, before: Tensor, breaches: Tensor, slot: int) -> Tensor:
        """Returns the breaches ``[B]`` that are not judged yet.

        Args:
            before: those of the slots before in the block, ``[B]``.
            breaches: those of the slot, ``[B]``.
            slot: the one that follows.

        Raises:
            InfeasibleDecision: where ``deferred``, at the end of a block, there were any.
        """
        if self.mode != "deferred":
            return before
        total = before + breaches
        if slot % self.block_slots == 0 and bool(total.any()):
            row = int(total.argmax())
            times = f"slots {slot - self.block_slots} to {slot - 1}"
            raise InfeasibleDecision(
                f"{int(total[row])} PRBs went to users that may not hold them, in {times}", self.context.drops.ids[row]
            )
        return total
