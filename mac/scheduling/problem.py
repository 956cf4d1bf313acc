"""The scheduling family: every slot, which user holds each PRB of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from phy.power_consumption import PowerSettings
from phy.random import Drops

from ..core.contracts import Field, InfeasibleDecision, Outcome
from ..engine.engine import Engine
from ..engine.outcome import Books, fields_of
from ..engine.state import CellState, SlotOutcome
from .feasible import repair_partners, repair_scheduling, require_scheduling
from .types import SchedulingContext, SchedulingDecision, SchedulingObservation


@dataclass(frozen=True)
class SchedulingState:
    """The cells, and what was observed of them in this slot."""

    cells: CellState
    observation: SchedulingObservation


class SchedulingProblem:
    """One decision a slot on a batch of drops.

    Args:
        engine: the carrier.
        power: energy model of a base station.
        repair: take back forbidden PRBs and count them, instead of raising.
    """

    def __init__(self, engine: Engine, power: PowerSettings, repair: bool = False) -> None:
        self.engine, self.repair = engine, repair
        self.books = Books(engine, power)

    @property
    def interval_s(self) -> float:
        """A slot."""
        return self.engine.parts.carrier.slot_s

    @property
    def fields(self) -> Mapping[str, Field]:
        """Extras of the outcome."""
        return fields_of(self.engine)

    @property
    def drops(self) -> Drops:
        """Drops of the batch."""
        return self.engine.parts.drops

    @property
    def backend(self) -> str:
        """Name of the form in which slots are computed: numba, torch or torch.compile."""
        return self.engine.backend.name

    @property
    def context(self) -> SchedulingContext:
        """What allocators are reset with."""
        return self.engine.context

    def start(self) -> SchedulingState:
        """Slot 0."""
        return self._observed(self.engine.start())

    def observe(self, state: SchedulingState, /) -> SchedulingObservation:
        """Reports and queues."""
        return state.observation

    def step(self, state: SchedulingState, decision: SchedulingDecision, /) -> tuple[SchedulingState, Outcome]:
        """Check the decision and transmit a slot."""
        cells, slot, repairs = decide_slot(self.engine, state.cells, state.observation, decision, self.repair)
        outcome = self.books.outcome(cells, slot, 1, {"repairs": repairs})
        return self._observed(cells), outcome

    def _observed(self, cells: CellState) -> SchedulingState:
        return SchedulingState(cells, self.engine.observe(cells))


def decide_slot(
    engine: Engine,
    cells: CellState,
    observation: SchedulingObservation,
    decision: SchedulingDecision,
    repair: bool,
) -> tuple[CellState, SlotOutcome, Tensor]:
    """Check one slot's decision and carry it out. Returns the next state, the outcome and the repairs ``[B]``.

    On a CPU every decision gets its verdict at once. Elsewhere reading one back would stop the device, so forbidden
    PRBs are taken back and the verdict comes at the end of the block of slots.

    Raises:
        InfeasibleDecision: unless ``repair``.
    """
    at_once = engine.device.type == "cpu"
    if repair or not at_once:
        user, breaches = repair_scheduling(decision, observation, engine.context)
        mended = repair_partners(decision, user, observation, engine.context)
        if mended is None:
            decision = SchedulingDecision(user)
        else:
            decision, breaches = SchedulingDecision(user, mended[0]), breaches + mended[1]
    else:
        decision = require_scheduling(decision, observation, engine.context)
        breaches = engine.no_breaches
    cells, slot = engine.step(cells, decision, observation.need_prbs)
    if not repair and not at_once:
        cells = judge(engine, cells, breaches)
    return cells, slot, breaches


def judge(engine: Engine, cells: CellState, breaches: Tensor) -> CellState:
    """Add up the breaches ``[B]`` of a block of slots and read them back at its end.

    Raises:
        InfeasibleDecision: there were any.
    """
    cells = replace(cells, breaches=cells.breaches + breaches)
    slots = engine.parts.block_slots
    if cells.slot % slots == 0 and bool(cells.breaches.any()):
        row = int(cells.breaches.argmax())
        times = f"slots {cells.slot - slots} to {cells.slot - 1}"
        raise InfeasibleDecision(
            f"{int(cells.breaches[row])} PRBs went to users who may not hold them, in {times}",
            engine.parts.drops.ids[row],
        )
    return cells
