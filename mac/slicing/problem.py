"""Runs the slicing family: an allocator sets the RBGs of each slice at every report; a scheduler decides every slot.

PRBs that the users of a slice do not need are lost, or lent to users of the other slices of the cell, as set, within
the limits of the decision (:mod:`mac.slicing.carrier_slices`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from phy.power_consumption import PowerSettings

from ..core.allocator_memory import AllocatorMemory, recall, remember
from ..core.contracts import Allocator, ArraySpec, Outcome
from ..engine import slot_series
from ..engine.engine import Engine
from ..engine.engine_problem import EngineProblem
from ..engine.outcome import OutcomeBuilder, add_reports, array_specs_of
from ..engine.state import CellState, SlotOutcome
from ..scheduling.decision_check import DecisionCheck
from ..scheduling.observe import context_of, observe
from ..scheduling.types import SchedulingDecision, SchedulingObservation
from ..traffic.queue_delay import DelayReport
from .carrier_slices import CarrierSlices, Shares
from .feasible import repair_slicing, required_quotas
from .settings import SlicingSettings
from .types import SlicingContext, SlicingDecision, SlicingObservation


@dataclass(frozen=True)
class SlicingState:
    """Holds the cells, the quotas in force, the totals of the last interval and what the scheduler remembers."""

    cells: CellState
    rbg: Tensor  # [B, C, S] int64
    totals: Tensor  # [len(engine.counters), B, U] float64
    interval: int
    memory: AllocatorMemory  # of the scheduler inside the slices


@dataclass
class _Tally:
    """Sums over the slots of an interval."""

    counters: Tensor
    active_prbs: Tensor
    repairs: Tensor
    delays: DelayReport | None = field(default=None)
    series: Tensor | None = field(default=None)


class SlicingProblem(EngineProblem):
    """Runs a batch of drops with one decision a report.

    Args:
        engine: the carrier; its UEs' ``slice_id`` are places in ``settings.slices``.
        settings: clock and rules.
        scheduler: the scheduling allocator inside the slices.
        power: energy model of a base station.
        repair: mend forbidden decisions and count them, instead of raising.

    Raises:
        ValueError: an interval that is no whole number of slots, or more slices than RBGs for their least quotas.
    """

    def __init__(
        self,
        engine: Engine,
        settings: SlicingSettings,
        scheduler: Allocator[SchedulingObservation, SchedulingDecision],
        power: PowerSettings,
        repair: bool = False,
    ) -> None:
        self.engine, self.settings, self.scheduler, self.repair = engine, settings, scheduler, repair
        self.outcomes = OutcomeBuilder(engine, power)
        self.check = DecisionCheck.of(context_of(engine), engine.parts.block_slots, repair)
        self.slots = settings.slots(engine.parts.carrier.slot_s)
        self.slices = CarrierSlices(engine, settings)
        self._now: AllocatorMemory | None = None  # what the scheduler remembers now; None while that changes

    @property
    def interval_s(self) -> float:
        """Returns the time between decisions in seconds."""
        return self.settings.interval_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the extras of the outcome."""
        return {
            **array_specs_of(self.engine),
            "rbg": ArraySpec(("cell", "slice"), "RBG", "last", "quota in force"),
            "slice_prbs": ArraySpec(("cell", "slice"), "PRB", "last", "quota in force"),
        }

    @property
    def context(self) -> SlicingContext:
        """Returns the context with which allocators are reset."""
        return self.slices.context

    def start(self) -> SlicingState:
        """Returns the state of slot 0, with RBGs divided equally and the remainder given to the first slices."""
        self.scheduler.reset(self.check.context, self.drops.seed)
        self._now = remember(self.scheduler)
        return SlicingState(self.engine.start(), self.slices.equal(), self.slices.no_totals, 0, self._now)

    def observe(self, state: SlicingState, /) -> SlicingObservation:
        """Returns the observation of the last interval."""
        return self.slices.report(state.cells, state.interval, state.rbg, state.totals)

    def step(self, state: SlicingState, decision: SlicingDecision, /) -> tuple[SlicingState, Outcome]:
        """Checks the decision, sets the quotas and runs the interval's slots under them."""
        decided, mended = self._decided(state, decision)
        rbg, shares = decided.rbg, self.slices.shares(decided)
        if state.memory is not self._now:
            recall(self.scheduler, state.memory)
        self._now = None
        cells, tally = self._slots(state.cells, shares)
        self._now = remember(self.scheduler)
        tally.repairs = tally.repairs + mended
        more = {"repairs": tally.repairs, "rbg": rbg, "slice_prbs": self.slices.prbs(shares.owner)}
        slots = SlotOutcome(tally.counters, tally.active_prbs, tally.delays, tally.series)
        outcome = self.outcomes.outcome(cells, slots, self.slots, more)
        return SlicingState(cells, rbg, tally.counters, state.interval + 1, self._now), outcome

    def _decided(self, state: SlicingState, decision: SlicingDecision) -> tuple[SlicingDecision, Tensor]:
        """Returns the decision in force and the breaches ``[B]`` that were mended in it."""
        none = torch.zeros(self.engine.shape[0], dtype=torch.int64, device=self.engine.device)
        if self.repair:
            decided, mended = repair_slicing(decision, self.context)
        else:
            decided, mended = required_quotas(decision, self.context), none
        return (SlicingDecision(state.rbg), none) if state.interval < self.settings.held_reports else (decided, mended)

    def _slots(self, cells: CellState, shares: Shares) -> tuple[CellState, _Tally]:
        tally, quotas, breaches = None, self.slices.quotas(cells, shares), self.check.none
        for _ in range(self.slots):
            observation, attached = observe(self.engine, cells, quotas), cells.attached
            decision, repairs = self.check.enforce(self.scheduler.decide(observation), observation)
            cells, slot = self.engine.step(cells, decision, observation.need_prbs)
            breaches = self.check.judge(breaches, repairs, cells.slot)
            if cells.attached is not attached:
                quotas = self.slices.quotas(cells, shares)
            if tally is None:
                tally = _Tally(slot.counters, slot.active_prbs, repairs)
            else:
                tally.counters = tally.counters + slot.counters
                tally.active_prbs = tally.active_prbs + slot.active_prbs
                tally.repairs = tally.repairs + repairs
            tally.delays = add_reports(tally.delays, slot.delays)
            tally.series = slot_series.joined(tally.series, slot.series)
        assert tally is not None
        return cells, tally
