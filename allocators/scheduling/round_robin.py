"""Round robin: equal air time, user after user."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.numerics.jit import available, give_up
from phy.settings import PARAMETERS

from .assign import assign, assign_rows
from .cell_layout import CellLayout
from .slice_groups import TieBreaker, prb_numbers, same_group


@dataclass(config=PARAMETERS)
class RoundRobin:
    """Equal air time: the PRBs of a (cell, slice) go round its users with data, one PRB each, slot after slot.

    Users stand in a circle by index. PRB j of the slot goes to the user j places after the pointer; what he does not
    need goes to the next in the circle who has not had enough. The pointer moves on by the number of PRBs, so that
    users who always have data never differ by more than one PRB. PRBs borrowed from other slices go by lot, slot by
    slot (:class:`~allocators.scheduling.slice_groups.TieBreaker`).
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs that their winner does not need are offered again."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Start each circle at user 0."""
        self._context, self._lots = context, TieBreaker(context)
        groups = context.cells * context.slices
        # One column more, for whoever moves no pointer.
        self._pointer = torch.zeros((len(context.drops), groups + 1), dtype=torch.int64, device=context.device)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the user whose turn it is."""
        if observation.borrowable is not None:
            observation = self._lots.ordered(observation)
        if self._context.device.type == "cpu" and available():
            try:
                return assign(self._bids(observation), observation, self.passes, self._context.saturated)
            except Exception as error:
                give_up(error)
        return self._by_rows(observation)

    def _bids(self, observation: SchedulingObservation) -> Tensor:
        """Computes minus the places between each user and each PRB's turn, ``[B, U, K]``, and moves the pointers on."""
        from mac.scheduling.feasible_numba import masks

        from .assign_numba import turns

        bids, after = torch.empty_like(observation.rate_bits), torch.empty_like(self._pointer)
        slot = (observation.roster, observation.need_prbs, observation.slice_id)
        arrays = [values.contiguous().numpy() for values in slot]
        owned, _ = masks(observation)
        turns(*arrays, owned, self._pointer.numpy(), self._context.slices, bids.numpy(), after.numpy())
        self._pointer = after
        return bids

    def _by_rows(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Decides the same in torch, number for number."""
        roster = CellLayout.of(observation)
        wants = roster.need(observation) > 0
        group = (observation.serving * self._context.slices).add_(observation.slice_id)
        rank, size = self._ranks(observation, roster, wants, roster.rows(self._pointer.gather(1, group)))
        number, prbs = prb_numbers(observation, roster, rank.dtype)
        self._advance(roster.rows(group), roster, wants & (rank == torch.remainder(prbs, size)))
        wait = torch.remainder(rank[..., None] - number, size[..., None])  # 0: it is his, 1: he comes next
        if observation.owned is not None:
            wait = wait.masked_fill_(~roster.rows(observation.owned), 0.0)  # on PRBs of others all are equals
        return assign_rows(-wait, roster, observation, self.passes, self._context.saturated)

    def _ranks(
        self, observation: SchedulingObservation, roster: CellLayout, wants: Tensor, pointer: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Place of each user in his circle counted from the pointer, and the size of the circle, ``[B, C, M]``."""
        after = torch.where(roster.user >= pointer, roster.user, roster.user + roster.users)
        circle = same_group(observation, roster, wants)
        before = circle & (after[..., None, :] < after[..., :, None])
        dtype = observation.rate_bits.dtype
        return before.sum(-1, dtype=dtype), circle.sum(-1, dtype=dtype).clamp_(min=1)

    def _advance(self, group: Tensor, roster: CellLayout, first: Tensor) -> None:
        """Put the pointers on the users who have the first turn in the next slot."""
        column = torch.where(first, group, self._pointer.shape[1] - 1).flatten(1)
        self._pointer = self._pointer.scatter(1, column, roster.user.flatten(1))
