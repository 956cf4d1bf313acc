"""Runs the scheduling family: in every slot, a decision names the UE that holds each PRB of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from phy.power_consumption import PowerSettings

from ..core.contracts import ArraySpec, Outcome
from ..engine.engine import Engine
from ..engine.engine_problem import EngineProblem
from ..engine.outcome import OutcomeBuilder, array_specs_of
from ..engine.state import CellState, SeveralSlots
from .decision_check import DecisionCheck
from .observe import context_of, observe
from .types import SchedulingContext, SchedulingDecision, SchedulingObservation


@dataclass(frozen=True)
class SchedulingState:
    """Holds the cells, what was observed of them in this slot, and the breaches that are not judged yet."""

    cells: CellState
    observation: SchedulingObservation
    breaches: Tensor  # [B] int64, forbidden PRBs of the block's decisions


class SchedulingProblem(EngineProblem):
    """Runs a batch of drops with one decision a slot.

    Args:
        engine: the carrier.
        power: energy model of a base station.
        repair: take back forbidden PRBs and count them, instead of raising.
    """

    def __init__(self, engine: Engine, power: PowerSettings, repair: bool = False) -> None:
        self.engine, self.repair = engine, repair
        self.outcomes = OutcomeBuilder(engine, power)
        self.check = DecisionCheck.of(context_of(engine), engine.parts.block_slots, repair)

    @property
    def interval_s(self) -> float:
        """Returns the length of a slot in seconds."""
        return self.engine.parts.carrier.slot_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the extras of the outcome."""
        return array_specs_of(self.engine)

    @property
    def context(self) -> SchedulingContext:
        """Returns the context with which allocators are reset."""
        return self.check.context

    def start(self) -> SchedulingState:
        """Returns the state at slot 0."""
        return self._observed(self.engine.start(), self.check.none)

    def observe(self, state: SchedulingState, /) -> SchedulingObservation:
        """Returns reports and queues."""
        return state.observation

    def step(self, state: SchedulingState, decision: SchedulingDecision, /) -> tuple[SchedulingState, Outcome]:
        """Checks the decision and transmits a slot.

        Raises:
            InfeasibleDecision: unless it is to be repaired; see :class:`mac.scheduling.decision_check.DecisionCheck`.
        """
        settled, repairs = self.check.enforce(decision, state.observation)
        cells, slot = self.engine.step(state.cells, settled, state.observation.need_prbs)
        breaches = self.check.judge(state.breaches, repairs, cells.slot)
        return self._observed(cells, breaches), self.outcomes.outcome(cells, slot, 1, {"repairs": repairs})

    def in_place(self, state: SchedulingState, most: int) -> SeveralSlots | None:
        """Returns slots to come, at most ``most``, that can be computed in place; None where there are none."""
        return None if self.repair else self.engine.in_place(state.cells, most)

    def after(self, state: SchedulingState, done: SeveralSlots) -> tuple[SchedulingState, Outcome]:
        """Returns the state after slots that were computed in place, and their outcome.

        Args:
            state: before them.
            done: all of them computed.
        """
        cells, slot = self.engine.after(state.cells, done)
        outcome = self.outcomes.outcome(cells, slot, done.slots, {"repairs": self.check.none})
        return self._observed(cells, state.breaches), outcome

    def _observed(self, cells: CellState, breaches: Tensor) -> SchedulingState:
        return SchedulingState(cells, observe(self.engine, cells), breaches)
