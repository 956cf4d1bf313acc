"""Runs the market of CoMP clusters: a decision an interval sells PRBs; a scheduler decides on the rest every slot.

Where the carrier has slices, the scheduler works within their quotas, which concern the PRBs that are not sold.

B drops, U UEs, C cells, J cells that a UE hears, K PRBs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from phy.power_consumption import PowerSettings

from ..core.allocator_memory import AllocatorMemory, recall, remember
from ..core.contracts import Allocator, ArraySpec, Extra, Outcome
from ..engine import slot_series
from ..engine.engine import Engine
from ..engine.engine_problem import EngineProblem
from ..engine.grant import with_helpers
from ..engine.outcome import OutcomeBuilder, add_reports, array_specs_of
from ..engine.radio.comp import Comp, cluster_report
from ..engine.state import COUNTERS, CellState, SlotOutcome
from ..market import Market, MarketDecision
from ..market.feasible import require_market_decision
from ..scheduling.decision_check import DecisionCheck
from ..scheduling.observe import Quotas, context_of, observe
from ..scheduling.types import SchedulingDecision, SchedulingObservation
from ..slicing.carrier_slices import Shares
from ..traffic.queue_delay import DelayReport
from .books import ARRAY_SPECS, Trade, trade_extras
from .offer import geometry, prb_value_bits, reserve_prices
from .sale import first_prbs, sold_map, whole_prbs
from .sending import SoldPrbUse, need_beside, sold_prb_use
from .settings import CompSettings
from .slice_control import ARRAY_SPECS as SLICE_SPECS
from .slice_control import SliceControl, SliceState
from .types import CompContext, CompObservation

_SERVED, _GRANTED = COUNTERS.index("served_bits"), COUNTERS.index("granted_prbs")
_MBIT = 1e6
_LEAST_SINR = 1e-6  # stands for a serving cell that is not heard at all


@dataclass(frozen=True)
class CompState:
    """Holds the cells, what UEs had of their serving cells in the last interval, and what the scheduler remembers."""

    cells: CellState
    own_bits: Tensor  # [B, U] float64
    own_prbs: Tensor  # [B, U] float64, summed over slots
    interval: int
    memory: AllocatorMemory
    slices: SliceState | None = None  # None where the carrier is not sliced


@dataclass(frozen=True)
class OwnScheduling:
    """Holds what decides on the PRBs that a cell does not sell."""

    scheduler: Allocator[SchedulingObservation, SchedulingDecision]
    slices: SliceControl | None = None  # None: the carrier is not sliced


@dataclass
class _Tally:
    """Sums over the slots of an interval."""

    counters: Tensor
    active_prbs: Tensor
    repairs: Tensor
    other_bits: Tensor
    delays: DelayReport | None = field(default=None)
    series: Tensor | None = field(default=None)


class CompProblem(EngineProblem):
    """Runs a batch of drops with one market an interval.

    Args:
        engine: the carrier, with the radio of coordinated cells.
        settings: clock, coordination and sale.
        budgets: money of each UE for an interval, ``[U]``.
        scheduling: the scheduling allocator, and the slices, for what is not sold.
        power: energy model of a base station.
        equilibrium: returns the prices of the market equilibrium, ``[B, C]``; None: nothing is compared with it.

    Raises:
        ValueError: the engine has another radio, no PRB is to spare, or an interval is no whole number of slots.
    """

    def __init__(
        self,
        engine: Engine,
        settings: CompSettings,
        budgets: Tensor,
        scheduling: OwnScheduling,
        power: PowerSettings,
        equilibrium: Callable[[Market], Tensor] | None = None,
    ) -> None:
        if not isinstance(engine.radio, Comp):
            raise ValueError("the cells of this engine do not coordinate; build it with coordination settings")
        self.engine, self.settings = engine, settings
        self.scheduler, self.slices = scheduling.scheduler, scheduling.slices
        self.outcomes, self._equilibrium = OutcomeBuilder(engine, power), equilibrium
        self.check = DecisionCheck.of(context_of(engine), engine.parts.block_slots, repair=False)
        self.slots, self._sold = settings.slots(engine.parts.carrier.slot_s), settings.sold_prbs(engine.prbs)
        self._budgets = budgets.to(engine.device, torch.float64).expand(engine.shape)
        self._ports = engine.radio.panels.settings.base.ports
        aligned = not settings.makes_nulls
        self._offset = first_prbs(engine.cells, self._sold, engine.prbs, aligned, engine.device)
        self._other = engine.counters.index("other_cell_prbs")
        self._zero = torch.zeros(engine.shape, dtype=torch.float64, device=engine.device)
        self._now: AllocatorMemory | None = None  # what the scheduler remembers now; None while that changes

    @property
    def interval_s(self) -> float:
        """Returns the time between markets in seconds."""
        return self.settings.interval_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the extras of the outcome."""
        sliced = {} if self.slices is None else SLICE_SPECS
        return {**array_specs_of(self.engine), **ARRAY_SPECS, **sliced}

    @property
    def context(self) -> CompContext:
        """Returns the context with which allocators are reset."""
        engine = self.engine
        users, slot_s = engine.shape[1], engine.parts.carrier.slot_s
        return CompContext(self.drops, users, engine.cells, self.interval_s, engine.device, engine.prbs, slot_s)

    def start(self) -> CompState:
        """Returns the state of slot 0, in which nothing was served yet."""
        self.scheduler.reset(self.check.context, self.drops.seed)
        self._now = remember(self.scheduler)
        cells = self.engine.start()
        slices = None if self.slices is None else self.slices.start(cells)
        return CompState(cells, self._zero, self._zero, 0, self._now, slices)

    def observe(self, state: CompState, /) -> CompObservation:
        """Returns the market of the interval, from reports in use and queues."""
        cells, engine = state.cells, self.engine
        report, serving = cluster_report(cells.reports[0]), cells.attached.serving
        adaptation, slot_s = engine.parts.tables.adaptation, engine.parts.carrier.slot_s
        outage = self._outage(cells)
        waiting = engine.backlog_bits(cells) + 8 * engine.endless_bytes > 0
        bits = prb_value_bits(report, serving, adaptation, self._ports, self.settings)
        held = state.own_prbs / self.slots
        reserve = reserve_prices(self.settings.own_value, waiting & ~outage, held, serving, engine.cells)
        return CompObservation(
            interval=state.interval,
            weights=bits / (slot_s * _MBIT),
            cells=report.cells,
            budgets=self._budgets * (outage & waiting),
            supply=self._supply(state).expand_as(reserve).to(reserve.dtype),
            reserve=reserve,
            utility=self.settings.kind,
            serving=serving,
            outage=outage,
            serving_rate=state.own_bits / (self.interval_s * _MBIT),
        )

    def step(self, state: CompState, decision: MarketDecision, /) -> tuple[CompState, Outcome]:
        """Checks the trade, deals out whole PRBs and runs the interval's slots.

        Raises:
            InfeasibleDecision: more is sold than there is, or more paid than a UE has.
        """
        seen = self.observe(state)
        decision = require_market_decision(decision, seen, self.context)
        if state.memory is not self._now:
            recall(self.scheduler, state.memory)
        self._now = None
        prbs = whole_prbs(seen.market, decision.quantity)
        sold = sold_map(prbs, seen.cells, self.engine.cells, self.engine.prbs, self._offset)
        shares = self._shares(state, sold)
        cells, tally = self._slots(state.cells, sold, shares)
        self._now = remember(self.scheduler)
        trade = Trade(seen, decision, prbs, self._equilibrium)
        more = {**trade_extras(trade), **self._of_radio(state, seen, tally), **self._of_slices(state, sold, shares)}
        slots = SlotOutcome(tally.counters, tally.active_prbs, tally.delays, tally.series)
        outcome = self.outcomes.outcome(cells, slots, self.slots, more)
        own = tally.counters[_SERVED] - tally.other_bits
        own_prbs = tally.counters[_GRANTED] - tally.counters[self._other]
        slices = state.slices
        if self.slices is not None and slices is not None:
            slices = self.slices.later(slices, cells, tally.counters, tally.other_bits)
        return CompState(cells, own, own_prbs, state.interval + 1, self._now, slices), outcome

    def _supply(self, state: CompState) -> Tensor:
        """Returns the PRBs that each cell sells at most, ``[1, 1]`` or ``[B, C]``."""
        most = torch.full((1, 1), self._sold, dtype=torch.int64, device=self.engine.device)
        if self.slices is None or state.slices is None:
            return most
        return torch.minimum(most, self.slices.sellable(state.slices))

    def _shares(self, state: CompState, sold: Tensor) -> Shares | None:
        """Returns which slice may hold which PRBs beside those that are sold; None where the carrier is not sliced."""
        if self.slices is None or state.slices is None:
            return None
        return self.slices.shares(state.slices, sold >= 0)

    def _of_slices(self, state: CompState, sold: Tensor, shares: Shares | None) -> dict[str, Extra]:
        """Collects quotas, and what is left of them beside PRBs that are sold."""
        if self.slices is None or state.slices is None or shares is None:
            return {}
        return self.slices.recorded(state.slices, sold >= 0, shares)

    def _outage(self, cells: CellState) -> Tensor:
        """Finds the UEs in outage, bool ``[B, U]``; it does not depend on what allocators do."""
        found = geometry(cluster_report(cells.reports[0]), cells.attached.serving)
        below: Tensor = found < 10.0 ** (self.settings.outage_db / 10.0)
        return (
            below if cells.attached.served_from_slot is None else below | (cells.attached.served_from_slot > cells.slot)
        )

    def _of_radio(self, state: CompState, seen: CompObservation, tally: _Tally) -> dict[str, Extra]:
        """Collects the extras that do not concern the trade."""
        outage = seen.outage.to(torch.float64)
        sinr = geometry(cluster_report(state.cells.reports[0]), seen.serving).to(torch.float64)
        return {
            "repairs": tally.repairs,
            "outage_s": outage * self.interval_s,
            "outage_bits": outage * tally.counters[_SERVED],
            "other_cell_bits": tally.other_bits,
            "serving_sinr_db": 10.0 * sinr.clamp(min=_LEAST_SINR).log10(),
        }

    def _slots(self, cells: CellState, sold: Tensor, shares: Shares | None) -> tuple[CellState, _Tally]:
        """Runs the slots of an interval."""
        tally, breaches = None, self.check.none
        for _ in range(self.slots):
            needs = self.engine.backend.need(cells)
            use = sold_prb_use(self.settings, sold, cluster_report(cells.reports[0]), needs > 0)
            seen = self._seen_by_scheduler(cells, use, shares)
            decision, repairs = self.check.enforce(self.scheduler.decide(seen), seen)
            both = torch.where(use.user >= 0, use.user, decision.user)
            cells, slot = self.engine.step(cells, SchedulingDecision(with_helpers(both, use.helped)), needs)
            breaches = self.check.judge(breaches, repairs, cells.slot)
            tally = self._added(tally, slot, repairs)
        assert tally is not None
        return cells, tally

    def _seen_by_scheduler(self, cells: CellState, use: SoldPrbUse, shares: Shares | None) -> SchedulingObservation:
        """Returns what the scheduler sees: PRBs that are not sold, and needs that bought PRBs do not cover."""
        attached = cells.attached
        home = attached.serving[..., None].expand(-1, -1, self.engine.prbs)
        free = use.free.gather(1, home) & ~use.bought
        seen = observe(self.engine, cells, self._quotas(cells, free, shares))
        here = (
            torch.ones_like(seen.retransmits)
            if attached.served_from_slot is None
            else attached.served_from_slot <= cells.slot
        )
        need = need_beside(seen, use.prbs, cluster_report(cells.reports[0]), self.engine.prbs)
        return replace(seen, need_prbs=need * here, retransmits=seen.retransmits & here)

    def _quotas(self, cells: CellState, free: Tensor, shares: Shares | None) -> Quotas:
        """Returns which of its free PRBs, bool ``[B, U, K]``, each UE may hold and borrow."""
        return Quotas(free) if self.slices is None or shares is None else self.slices.quotas(cells, free, shares)

    def _added(self, tally: _Tally | None, slot: SlotOutcome, repairs: Tensor) -> _Tally:
        """Adds a slot; the bits of a block count for its cells in proportion to their PRBs in the slot."""
        counters = slot.counters
        share = counters[self._other] / counters[_GRANTED].clamp(min=1.0)
        other = counters[_SERVED] * share
        if tally is None:
            return _Tally(counters, slot.active_prbs, repairs, other, slot.delays, slot.series)
        tally.counters = tally.counters + counters
        tally.active_prbs = tally.active_prbs + slot.active_prbs
        tally.repairs = tally.repairs + repairs
        tally.other_bits = tally.other_bits + other
        tally.delays = add_reports(tally.delays, slot.delays)
        tally.series = slot_series.joined(tally.series, slot.series)
        return tally
