"""Runs personalised allocation on the slot engine: PRBs of each UE for an interval, and what rate they carry.

The rate of a UE in an interval is judged in its zone of tolerance. PRBs that a UE does not need stay idle.

B drops, U UEs, C cells, K PRBs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.power_consumption import PowerSettings

from ..core.contracts import ArraySpec, Outcome
from ..engine import slot_series
from ..engine.engine import Engine
from ..engine.engine_problem import EngineProblem
from ..engine.outcome import OutcomeBuilder, add_reports, array_specs_of
from ..engine.state import COUNTERS, CellState, SlotOutcome
from ..scheduling.types import SchedulingDecision
from .feasible import require_personalized
from .needs import Needs
from .prb_pattern import line_ends, prb_holders
from .predictor import ZonePredictor
from .settings import PersonalizedSettings
from .types import PersonalizedContext, PersonalizedDecision, PersonalizedObservation
from .zone import Zones

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "adequate_bps": ArraySpec(("user",), "bit/s", "last", "lower end of the UE's true zone of tolerance"),
    "desired_bps": ArraySpec(("user",), "bit/s", "last", "upper end of the UE's true zone of tolerance"),
    "bps_per_prb": ArraySpec(("user",), "bit/s", "last", "rate of one PRB in every slot that was expected"),
    "allotted_prbs": ArraySpec(("user",), "PRB", "last", "mean PRBs of a slot that the UE was given"),
    "promised": ArraySpec(("user",), "1", "last", "satisfaction expected of the PRBs by the zones that were told"),
    "told_zone": ArraySpec(("user",), "1", "last", "satisfaction of the served rate by the zones that were told"),
    "reported": ArraySpec(("user",), "1", "last", "satisfaction of the served rate by the true zones"),
    "traits": ArraySpec(("user", "trait"), "1", "last", "what the network observes of the UE"),
}
_SERVED = COUNTERS.index("served_bits")
_NEWEST = 0.3  # weight of the last interval in the ratio of served to reported rate; ours
_FIRST = 0.9  # that ratio before the first interval: a tenth of the blocks fail


@dataclass(frozen=True)
class PersonalizedState:
    """Holds the cells, and what UEs had in the last interval."""

    cells: CellState
    rate_bps: Tensor  # [B, U] float64
    satisfaction: Tensor  # [B, U] float64
    served_ratio: Tensor  # [B, U] float64, rate served over rate reported, averaged over past intervals
    interval: int


class PersonalizedProblem(EngineProblem):
    """Runs a batch of drops with one decision an interval.

    Args:
        engine: the carrier.
        settings: clock, shape, target.
        needs: what UEs need.
        group: of each UE, int64 ``[U]``.
        power: energy model of a base station.
        predictor: tells allocators the zones; None: as ``settings.predictor`` says.

    Raises:
        ValueError: an interval that is no whole number of slots.
    """

    def __init__(
        self,
        engine: Engine,
        settings: PersonalizedSettings,
        needs: Needs,
        group: Tensor,
        power: PowerSettings,
        predictor: ZonePredictor | None = None,
    ) -> None:
        self.engine, self.settings, self.needs = engine, settings, needs
        self._group, self._predictor = group.to(engine.device), predictor
        self.outcomes = OutcomeBuilder(engine, power)
        self.slots = settings.slots(engine.parts.carrier.slot_s)
        self._none = torch.zeros(engine.shape[0], dtype=torch.int64, device=engine.device)

    @property
    def interval_s(self) -> float:
        """Returns the time between decisions in seconds."""
        return self.settings.interval_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the extras of the outcome."""
        return {**array_specs_of(self.engine), **ARRAY_SPECS}

    @property
    def context(self) -> PersonalizedContext:
        """Returns the context with which allocators are reset."""
        engine, settings = self.engine, self.settings
        return PersonalizedContext(
            drops=self.drops,
            users=engine.shape[1],
            cells=engine.cells,
            prbs=engine.prbs,
            interval_s=self.interval_s,
            slot_s=engine.parts.carrier.slot_s,
            shape=settings.shape,
            target=settings.target,
            device=engine.device,
        )

    def start(self) -> PersonalizedState:
        """Returns the state of slot 0, in which nothing was served yet."""
        none = torch.zeros(self.engine.shape, dtype=torch.float64, device=self.engine.device)
        ratio = torch.full_like(none, _FIRST if self.settings.correct_rates else 1.0)
        return PersonalizedState(self.engine.start(), none, none, ratio, 0)

    def observe(self, state: PersonalizedState, /) -> PersonalizedObservation:
        """Returns what the network observes before the interval."""
        report, slot_s = self.engine.observe(state.cells).report, self.engine.parts.carrier.slot_s
        traits = self.needs.traits(state.interval)
        return PersonalizedObservation(
            interval=state.interval,
            serving=state.cells.attached.serving,
            bps_per_prb=report.mean_bits.to(torch.float64) / slot_s * state.served_ratio,
            zones=self._told(traits),
            traits=traits,
            satisfaction=state.satisfaction,
            rate_bps=state.rate_bps,
        )

    def step(self, state: PersonalizedState, decision: PersonalizedDecision, /) -> tuple[PersonalizedState, Outcome]:
        """Checks the decision and runs the interval's slots.

        Raises:
            InfeasibleDecision: a UE has less than 0 PRBs, or a cell gives more than it has.
        """
        seen = self.observe(state)
        decision = require_personalized(decision, seen, self.context)
        cells, slot = self._slots(state.cells, decision.prbs)
        rate = slot.counters[_SERVED] / self.interval_s
        true, shape = self.needs.zones(seen.traits), self.settings.shape
        reported = true.satisfaction(rate, shape)
        more = {
            "repairs": self._none,
            "adequate_bps": true.adequate_bps,
            "desired_bps": true.desired_bps,
            "bps_per_prb": seen.bps_per_prb,
            "allotted_prbs": decision.prbs,
            "promised": seen.zones.satisfaction(decision.promised_bps(seen), shape),
            "told_zone": seen.zones.satisfaction(rate, shape),
            "reported": reported,
            "traits": seen.traits,
        }
        outcome = self.outcomes.outcome(cells, slot, self.slots, more)
        ratio = self._ratio(state.served_ratio, rate, decision.promised_bps(seen))
        return PersonalizedState(cells, rate, reported, ratio, state.interval + 1), outcome

    def _ratio(self, before: Tensor, rate: Tensor, promised: Tensor) -> Tensor:
        """Averages the ratio of served to reported rate; that of UEs without PRBs or without data stays."""
        if not self.settings.correct_rates:
            return before
        newest = before * rate / promised.clamp(min=1.0)
        average = (1.0 - _NEWEST) * before + _NEWEST * newest
        return torch.where((promised > 0) & (rate > 0), average.clamp(0.1, 2.0), before)

    def _told(self, traits: Tensor) -> Zones:
        """Returns the zones that allocators are told."""
        if self._predictor is not None:
            return self._predictor.predict(traits, self._group, self.needs.declared)
        return self.needs.zones(traits) if self.settings.predictor == "true" else self.needs.declared

    def _slots(self, cells: CellState, prbs: Tensor) -> tuple[CellState, SlotOutcome]:
        """Runs the slots of an interval; the result sums over them."""
        counters, active, delays, series = None, None, None, None
        ends, attached = line_ends(prbs, cells.attached.serving, self.engine.cells), cells.attached
        for _ in range(self.slots):
            if cells.attached is not attached:
                ends, attached = line_ends(prbs, cells.attached.serving, self.engine.cells), cells.attached
            needs = self.engine.backend.need(cells)
            holders = prb_holders(ends.clamp(max=self.engine.prbs), self.engine.prbs, cells.slot)
            cells, slot = self.engine.step(cells, SchedulingDecision(self._in_need(holders, needs)), needs)
            counters = slot.counters if counters is None else counters + slot.counters
            active = slot.active_prbs if active is None else active + slot.active_prbs
            delays = add_reports(delays, slot.delays)
            series = slot_series.joined(series, slot.series)
        assert counters is not None and active is not None
        return cells, SlotOutcome(counters, active, delays, series)

    def _in_need(self, holders: Tensor, needs: Tensor) -> Tensor:
        """Takes PRBs from UEs that need none, ``[B, C, K]``."""
        batch, cells, prbs = holders.shape
        has = needs.gather(1, holders.clamp(min=0).view(batch, cells * prbs)).view(batch, cells, prbs) > 0
        return torch.where((holders >= 0) & has, holders, -1)
