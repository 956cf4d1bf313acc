"""Runs the slicing family: an allocator sets the RBGs of each slice at every report; a scheduler decides every slot.

RBGs are dealt out in the order of the slices from the lowest frequency on. PRBs that the slice's users do not need are
lost, or lent to users of the other slices of the cell, as set, within the limits of the decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from phy.power_consumption import PowerSettings
from phy.random import Drops

from ..core.allocator_memory import AllocatorMemory, recall, remember
from ..core.contracts import Allocator, ArraySpec, Outcome
from ..engine.engine import Engine
from ..engine.outcome import OutcomeBuilder, add_reports, array_specs_of
from ..engine.state import COUNTERS, CellState, SlotOutcome
from ..scheduling.decision_check import DecisionCheck
from ..scheduling.observe import Quotas, context_of, observe
from ..scheduling.types import SchedulingDecision, SchedulingObservation
from ..traffic.queue_delay import DelayReport
from .feasible import repair_slicing, required_quotas
from .settings import SlicingSettings
from .types import SlicingContext, SlicingDecision, SlicingObservation

_SERVED, _ARRIVED = COUNTERS.index("served_bits"), COUNTERS.index("demand_bits")
_GRANTED, _REQUESTED = COUNTERS.index("granted_prbs"), COUNTERS.index("requested_prbs")


@dataclass(frozen=True)
class SlicingState:
    """Holds the cells, the quotas in force, the totals of the last interval and what the scheduler remembers."""

    cells: CellState
    rbg: Tensor  # [B, C, S] int64
    totals: Tensor  # [len(engine.counters), B, U] float64
    interval: int
    memory: AllocatorMemory  # of the scheduler inside the slices


@dataclass(frozen=True)
class _Shares:
    """Holds which slice may hold which PRBs during an interval."""

    owner: Tensor  # [B, C, K] int64, slice that owns each PRB; S where none does
    lent: Tensor | None  # [B, C, K] bool, PRBs that other slices may borrow; None: none
    most_prbs: Tensor | None  # see SchedulingObservation


@dataclass
class _Tally:
    """Sums over the slots of an interval."""

    counters: Tensor
    active_prbs: Tensor
    repairs: Tensor
    delays: DelayReport | None = field(default=None)


class SlicingProblem:
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
        self.rbgs = settings.rbgs(engine.prbs)
        self._lends = settings.lends
        self._now: AllocatorMemory | None = None  # what the scheduler remembers now; None while that changes
        self._one = torch.ones(engine.shape, dtype=torch.float64, device=engine.device)

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
    def drops(self) -> Drops:
        """Drops of the batch."""
        return self.engine.parts.drops

    @property
    def backend(self) -> str:
        """Returns the name of the form in which slots are computed: numba, torch or torch.compile."""
        return self.engine.backend.name

    @property
    def context(self) -> SlicingContext:
        """Returns the context with which allocators are reset."""
        engine = self.engine
        return SlicingContext.of(
            self.settings, engine.parts.carrier, self.drops, engine.cells, engine.device, engine.dtype
        )

    def start(self) -> SlicingState:
        """Returns the state of slot 0, with RBGs divided equally and the remainder given to the first slices."""
        self.scheduler.reset(self.check.context, self.drops.seed)
        cells, slices = self.engine.start(), len(self.settings.slices)
        place = torch.arange(slices, device=self.engine.device)
        equal = self.rbgs // slices + (place < self.rbgs % slices).long()
        rbg = equal.expand(self.engine.shape[0], self.engine.cells, slices).contiguous()
        totals = torch.zeros(
            (len(self.engine.counters), *self.engine.shape), dtype=torch.float64, device=self.engine.device
        )
        self._now = remember(self.scheduler)
        return SlicingState(cells, rbg, totals, 0, self._now)

    def observe(self, state: SlicingState, /) -> SlicingObservation:
        """Returns the observation of the last interval."""
        rate = state.cells.reports[0].mean_bits.to(torch.float64)
        group = state.cells.attached.serving * len(self.settings.slices) + self.engine.slice_id
        members = self._by_slice(self._one, group)
        return SlicingObservation(
            interval=state.interval,
            users=members,
            rbg=state.rbg,
            backlog_bits=self._by_slice(self.engine.backlog_bits(state.cells), group),
            arrived_bits=self._by_slice(state.totals[_ARRIVED], group),
            served_bits=self._by_slice(state.totals[_SERVED], group),
            requested_prbs=self._by_slice(state.totals[_REQUESTED], group),
            granted_prbs=self._by_slice(state.totals[_GRANTED], group),
            bits_per_prb=self._by_slice(rate, group) / members.clamp(min=1),
        )

    def step(self, state: SlicingState, decision: SlicingDecision, /) -> tuple[SlicingState, Outcome]:
        """Checks the decision, sets the quotas and runs the interval's slots under them."""
        decided, mended = self._decided(state, decision)
        rbg, shares = decided.rbg, self._shares(decided)
        if state.memory is not self._now:
            recall(self.scheduler, state.memory)
        self._now = None
        cells, tally = self._slots(state.cells, shares)
        self._now = remember(self.scheduler)
        tally.repairs = tally.repairs + mended
        place = torch.arange(rbg.shape[-1], device=rbg.device)
        prbs = (shares.owner[..., None] == place).sum(2)
        more = {"repairs": tally.repairs, "rbg": rbg, "slice_prbs": prbs}
        slots = SlotOutcome(tally.counters, tally.active_prbs, tally.delays)
        outcome = self.outcomes.outcome(cells, slots, self.slots, more)
        return SlicingState(cells, rbg, tally.counters, state.interval + 1, self._now), outcome

    def owner(self, rbg: Tensor) -> Tensor:
        """Returns the slice that owns each PRB, ``[B, C, K]``; S where none does."""
        return (self._rbg_of_prb()[:, None] >= rbg.cumsum(-1)[..., None, :]).sum(-1)

    def _rbg_of_prb(self) -> Tensor:
        """Returns the number of the RBG that each PRB belongs to, ``[K]``."""
        return torch.arange(self.engine.prbs, device=self.engine.device) // self.settings.rbg_prbs

    def _decided(self, state: SlicingState, decision: SlicingDecision) -> tuple[SlicingDecision, Tensor]:
        """Returns the decision in force and the breaches ``[B]`` that were mended in it."""
        none = torch.zeros(self.engine.shape[0], dtype=torch.int64, device=self.engine.device)
        if self.repair:
            decided, mended = repair_slicing(decision, self.context)
        else:
            decided, mended = required_quotas(decision, self.context), none
        return (SlicingDecision(state.rbg), none) if state.interval < self.settings.held_reports else (decided, mended)

    def _shares(self, decided: SlicingDecision) -> _Shares:
        """Returns the slice that owns each PRB, which PRBs may be lent, and how many a slice may hold in all."""
        rbg, most, kept = decided.rbg, decided.most_rbg, decided.kept_rbg
        owner, lent, most_prbs = self.owner(rbg), None, None
        if self._lends:
            lent = torch.ones_like(owner, dtype=torch.bool) if kept is None else ~self._kept(rbg, kept)
        if self._lends and most is not None and bool((most < self.rbgs).any()):
            most_prbs = (most * self.settings.rbg_prbs).clamp(max=self.engine.prbs)
        return _Shares(owner, lent, most_prbs)

    def _kept(self, rbg: Tensor, kept: Tensor) -> Tensor:
        """Returns whether a PRB is among those that its slice never lends, bool ``[B, C, K]``."""
        number, first = self._rbg_of_prb()[:, None], (rbg.cumsum(-1) - rbg)[..., None, :]
        return ((number >= first) & (number < first + kept[..., None, :])).any(-1)

    def _quotas(self, cells: CellState, shares: _Shares) -> Quotas:
        """Returns what each UE may hold and borrow in the cell that serves it now."""
        batch, users = self.engine.shape
        home = cells.attached.serving[..., None].expand(batch, users, self.engine.prbs)
        mine = shares.owner.gather(1, home) == self.engine.slice_id[..., None]
        lent = None if shares.lent is None else shares.lent.gather(1, home) & ~mine
        return Quotas(mine, lent, shares.most_prbs)

    def _slots(self, cells: CellState, shares: _Shares) -> tuple[CellState, _Tally]:
        tally, quotas, breaches = None, self._quotas(cells, shares), self.check.none
        for _ in range(self.slots):
            observation, attached = observe(self.engine, cells, quotas), cells.attached
            decision, repairs = self.check.enforce(self.scheduler.decide(observation), observation)
            cells, slot = self.engine.step(cells, decision, observation.need_prbs)
            breaches = self.check.judge(breaches, repairs, cells.slot)
            if cells.attached is not attached:
                quotas = self._quotas(cells, shares)
            if tally is None:
                tally = _Tally(slot.counters, slot.active_prbs, repairs)
            else:
                tally.counters = tally.counters + slot.counters
                tally.active_prbs = tally.active_prbs + slot.active_prbs
                tally.repairs = tally.repairs + repairs
            tally.delays = add_reports(tally.delays, slot.delays)
        assert tally is not None
        return cells, tally

    def _by_slice(self, values: Tensor, group: Tensor) -> Tensor:
        """Sums over the UEs of each slice in each cell, ``[B, C, S]`` from ``[B, U]``."""
        batch, slices = values.shape[0], len(self.settings.slices)
        out = values.new_zeros((batch, self.engine.cells * slices))
        return out.scatter_add_(1, group, values).view(batch, self.engine.cells, slices)
