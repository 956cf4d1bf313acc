"""Runs a slice controller on the PRBs that cells do not sell: quotas at its own clock, which is slower than the market.

The controller observes what its cells did on their own PRBs: bits and PRBs that UEs had of other cells are taken out of
what was served, granted and requested (ours).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.allocator_memory import AllocatorMemory, recall, remember
from ..core.contracts import Allocator, ArraySpec, Extra, InfeasibleDecision
from ..engine.engine import Engine
from ..engine.state import COUNTERS, CellState
from ..scheduling.observe import Quotas
from ..slicing import SlicingDecision, SlicingObservation
from ..slicing.carrier_slices import CarrierSlices, Shares
from ..slicing.feasible import required_quotas
from ..slicing.settings import SliceRules

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "rbg": ArraySpec(("cell", "slice"), "RBG", "last", "quota in force"),
    "slice_prbs": ArraySpec(("cell", "slice"), "PRB", "last", "what is left of the quota beside PRBs that are sold"),
}
_SERVED, _GRANTED, _REQUESTED = (COUNTERS.index(name) for name in ("served_bits", "granted_prbs", "requested_prbs"))


@dataclass(frozen=True)
class SliceState:
    """Holds the quotas in force, sums since the last report, and what the controller remembers."""

    decision: SlicingDecision
    totals: Tensor  # [len(engine.counters), B, U] float64
    markets: int  # since the start
    memory: AllocatorMemory


class SliceControl:
    """Decides on quotas at every report.

    Args:
        engine: the carrier; its UEs' ``slice_id`` are places in ``rules.slices``.
        rules: slices and clock.
        policy: the slice controller.
        market_s: time between two markets.

    Raises:
        ValueError: a report is due between two markets, or the least quotas do not fit.
    """

    def __init__(
        self,
        engine: Engine,
        rules: SliceRules,
        policy: Allocator[SlicingObservation, SlicingDecision],
        market_s: float,
    ) -> None:
        self.slices, self.policy = CarrierSlices(engine, rules), policy
        self.every = markets_of(rules.interval_s, market_s)
        self._other = engine.counters.index("other_cell_prbs")
        self._now: AllocatorMemory | None = None  # what the policy remembers now; None while that changes

    def start(self, cells: CellState) -> SliceState:
        """Returns the first quotas, which are decided before anything was reported."""
        self.policy.reset(self.slices.context, self.slices.engine.parts.drops.seed)
        return self._decided(cells, 0, self.slices.equal(), self.slices.no_totals)

    def later(self, state: SliceState, cells: CellState, counters: Tensor, other_bits: Tensor) -> SliceState:
        """Returns the state after a market, with new quotas where a report is due.

        Args:
            state: in the market.
            cells: at its end.
            counters: ``[len(engine.counters), B, U]`` sums over its slots.
            other_bits: ``[B, U]`` of them served by other cells.

        Raises:
            InfeasibleDecision: the policy breaks a rule.
        """
        totals, markets = state.totals + self._own(counters, other_bits), state.markets + 1
        if markets % self.every:
            return SliceState(state.decision, totals, markets, state.memory)
        if state.memory is not self._now:
            recall(self.policy, state.memory)
        return self._decided(cells, markets, state.decision.rbg, totals)

    def shares(self, state: SliceState, sold: Tensor) -> Shares:
        """Returns which slice may hold which PRBs beside the sold ones, bool ``[B, C, K]``."""
        return self.slices.shares_beside(state.decision, sold)

    def sellable(self, state: SliceState) -> Tensor:
        """Counts the PRBs of each cell that no slice keeps for itself, int64 ``[B, C]``."""
        return self.slices.sellable(state.decision)

    def quotas(self, cells: CellState, free: Tensor, shares: Shares) -> Quotas:
        """Returns which of its free PRBs, bool ``[B, U, K]``, each UE may hold and borrow."""
        found = self.slices.quotas(cells, shares)
        assert found.owned is not None
        borrowable = None if found.borrowable is None else found.borrowable & free
        return Quotas(found.owned & free, borrowable, found.most_prbs)

    def recorded(self, state: SliceState, sold: Tensor, shares: Shares) -> dict[str, Extra]:
        """Returns the quotas, and what is left of them beside sold PRBs, bool ``[B, C, K]``."""
        owner = shares.owner.masked_fill(sold, self.slices.count)
        return {"rbg": state.decision.rbg, "slice_prbs": self.slices.prbs(owner)}

    def _decided(self, cells: CellState, markets: int, rbg: Tensor, totals: Tensor) -> SliceState:
        self._now = None
        decision = self.policy.decide(self.slices.report(cells, markets // self.every, rbg, totals))
        self._now = remember(self.policy)
        try:
            checked = required_quotas(decision, self.slices.context)
        except InfeasibleDecision as error:
            raise InfeasibleDecision(f"slicing.policy: {error}", error.drop) from None
        return SliceState(checked, self.slices.no_totals, markets, self._now)

    def _own(self, counters: Tensor, other_bits: Tensor) -> Tensor:
        """Returns the counters without what other cells did."""
        own, other = counters.clone(), counters[self._other]
        own[_SERVED] -= other_bits
        own[_GRANTED] -= other
        own[_REQUESTED] = torch.maximum(own[_REQUESTED] - other, torch.zeros_like(other))
        return own


def markets_of(report_s: float, market_s: float) -> int:
    """Returns the number of markets from one report of slices to the next.

    Raises:
        ValueError: it is no whole number.
    """
    count = round(report_s / market_s)
    if count < 1 or abs(count * market_s - report_s) > 1e-9:
        raise ValueError(
            f"slicing.interval_s is {report_s:g} s, but quotas can change only where a market begins; use a multiple "
            f"of comp.interval_s ({market_s:g} s), for example {max(1, count) * market_s:g}"
        )
    return count
