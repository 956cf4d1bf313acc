"""Moves RBGs between slices at random, as the random policy of TRACTOR."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.random import uniform
from phy.settings import PARAMETERS

from .apportionment import require_room


@dataclass(config=PARAMETERS)
class TractorRandom:
    """Keeps the quotas in force or moves one RBG between an ordered pair of slices, at random: 7 actions for 3 slices.

    All actions that are possible are equally likely: a slice that is down to its least RBGs cannot give, so the
    actions in which it gives are masked. Cells draw independently of each other. The draw depends on the run's seed,
    the drop, the allocator's seed, the report and the cell, on nothing else.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896 (baseline "random"); that the masked actions are not drawn at all, instead of being drawn and
    ignored, is ours.
    """

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Lists the moves.

        Raises:
            ValueError: more slices than RBGs for their least quotas.
        """
        require_room(context)
        self._cells, self._least = context.cells, context.min_rbg
        self._keys = context.drops.keys(f"allocator/tractor_random/{seed}").to(context.device)
        unit = torch.eye(len(context.slices), dtype=torch.int64, device=context.device)
        # Move giver -> taker is row giver * S + taker; the moves of a slice to itself are the one action "keep".
        self._move = (unit[None, :] - unit[:, None]).flatten(0, 1)
        self._repeated = (self._move == 0).all(-1)
        self._repeated[0] = False

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Draws one of the possible moves in each cell."""
        after = observation.rbg[..., None, :] + self._move
        possible = (after >= self._least).all(-1)
        possible[..., 0] = True
        possible &= ~self._repeated
        draw = uniform(self._keys, (self._cells, 1), observation.interval * self._cells)
        rank = possible.cumsum(-1)
        chosen = (draw * rank[..., -1:]).floor().to(torch.int64)  # below the number of actions, since draw < 1
        action = (possible & (rank == chosen + 1)).to(torch.int64).argmax(-1)
        return SlicingDecision(observation.rbg + self._move[action])
