"""Runs slots of a carrier whose buffers are always full, many in one call of a compiled loop."""

from __future__ import annotations

from typing import Any

import torch

from mac.core.contracts import Outcome
from mac.scheduling import SchedulingDecision
from mac.scheduling.problem import SchedulingProblem, SchedulingState
from phy.numerics.jit import run_clock_s
from phy.numerics.threads import share_out

from .served_average import ServedAverage


def run_in_place(
    problem: Any, state: Any, most: int, average: ServedAverage
) -> tuple[SchedulingState, Outcome, float] | None:
    """Runs slots in which each PRB goes to the UE with the greatest rate over its average rate.

    Args:
        problem: of the run.
        state: its state.
        most: slots to run, at most.
        average: counts the slots.

    Returns:
        The state after the slots, their outcome, and about the seconds that deciding took: as long as the last slot's
        decision takes once more, in each. None where slots cannot be run in place: another family, traffic that comes
        and goes, another backend than numba's.

    Raises:
        mac.core.contracts.InfeasibleDecision: a UE was given a PRB of another cell.
    """
    if type(problem) is not SchedulingProblem:
        return None
    slots: Any = problem.in_place(state, most)
    if slots is None:
        return None
    from .in_place_numba import FORBIDDEN, Weights, decide, run_slots

    weights = Weights(*average.in_place(state.observation))
    known, own, users = slots.known, slots.own, slots.own.report.bits[0].size

    def some(drops: range) -> None:
        drop, step, resumes = drops.start, 0, False
        while True:
            drop, step = run_slots(drop, step, resumes, drops.stop, slots.roster, slots.serving, weights, known, own)
            if step == FORBIDDEN:
                problem.check.enforce(SchedulingDecision(torch.from_numpy(slots.user)), state.observation)
            if drop == drops.stop:
                return
            slots.receive(drop, step)
            resumes = True

    share_out(some, len(slots.serving), users * slots.slots)
    began = run_clock_s()
    decide(slots.roster, weights.weight, own)
    decide_s = (run_clock_s() - began) * slots.slots
    return *problem.after(state, slots), decide_s
