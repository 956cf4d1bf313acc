"""Schedules by round robin: one PRB to each UE in turn."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from phy.numerics.jit import uses_numba
from phy.settings import PARAMETERS

from .assign import assign, assign_rows
from .cell_layout import CellLayout
from .slice_groups import TieBreaker, prb_numbers, same_group


@dataclass(config=PARAMETERS)
class RoundRobin:
    """Gives the PRBs of each slice in each cell to its UEs with data in turn, one PRB each: equal air time.

    UEs follow one another by index, the first after the last. PRB j of the slot goes to the UE j places after the
    pointer; what it does not need goes to the next UE that still needs PRBs. The pointer moves on by the number of
    PRBs, so that UEs that always have data never differ by more than one PRB. PRBs borrowed from other slices go in
    random order, slot by slot (:class:`~allocators.scheduling.slice_groups.TieBreaker`).
    """

    passes: int = Field(default=3, ge=1, le=16)
    """How often PRBs are offered again that the UE with the greatest metric does not need."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        """Starts the turns of each slice and cell at UE 0."""
        self._context, self._ties = context, TieBreaker(context)
        groups = context.cells * context.slices
        # One column more, for UEs that move no pointer.
        self._pointer = torch.zeros((len(context.drops), groups + 1), dtype=torch.int64, device=context.device)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Gives each PRB to the UE whose turn it is."""
        if observation.borrowable is not None:
            observation = self._ties.reorder(observation)
        if self._context.device.type == "cpu" and uses_numba():
            return assign(self._bids(observation), observation, self.passes, self._context.saturated)
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
        layout = CellLayout.of(observation)
        wants = layout.need(observation) > 0
        group = (observation.serving * self._context.slices).add_(observation.slice_id)
        rank, size = self._ranks(observation, layout, wants, layout.by_place(self._pointer.gather(1, group)))
        number, prbs = prb_numbers(observation, layout, rank.dtype)
        self._advance(layout.by_place(group), layout, wants & (rank == torch.remainder(prbs, size)))
        wait = torch.remainder(rank[..., None] - number, size[..., None])  # 0: its turn, 1: the next one
        if observation.owned is not None:
            wait = wait.masked_fill_(~layout.by_place(observation.owned), 0.0)  # equal on PRBs of others
        return assign_rows(-wait, layout, observation, self.passes, self._context.saturated)

    def _ranks(
        self, observation: SchedulingObservation, layout: CellLayout, wants: Tensor, pointer: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Computes each UE's turn counted from the pointer, and the number of turns, ``[B, C, M]`` each."""
        after = torch.where(layout.user >= pointer, layout.user, layout.user + layout.users)
        circle = same_group(observation, layout, wants)
        before = circle & (after[..., None, :] < after[..., :, None])
        dtype = observation.rate_bits.dtype
        return before.sum(-1, dtype=dtype), circle.sum(-1, dtype=dtype).clamp_(min=1)

    def _advance(self, group: Tensor, layout: CellLayout, first: Tensor) -> None:
        """Sets the pointers to the UEs that have the first turn in the next slot."""
        column = torch.where(first, group, self._pointer.shape[1] - 1).flatten(1)
        self._pointer = self._pointer.scatter(1, column, layout.user.flatten(1))
