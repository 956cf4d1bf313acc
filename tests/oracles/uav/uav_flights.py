"""Flies UAVs by an allocator, and returns what became of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mac.uav.problem import UavProblem, UavState


def states(problem: UavProblem, allocator: Any, intervals: int) -> list[UavState]:
    """The states at the start of each interval and at the end."""
    allocator.reset(problem.context, 3)
    found = [problem.start()]
    for _ in range(intervals):
        decision = allocator.decide(problem.observe(found[-1]))
        found.append(problem.step(found[-1], decision)[0])
    return found


def served_bits(problem: UavProblem, allocator: Any, intervals: int) -> Tensor:
    """The bits of each user over a run, ``[B, U]``."""
    allocator.reset(problem.context, 3)
    state, total = problem.start(), torch.zeros((len(problem.drops), problem.context.users), dtype=torch.float64)
    for _ in range(intervals):
        state, outcome = problem.step(state, allocator.decide(problem.observe(state)))
        total = total + outcome.served_bits
    return total


def place(state: UavState) -> Tensor:
    """The positions of the UAVs on the ground, ``[B, V, 2]``."""
    return state.motion.position_m[..., :2]
