"""Maps quotas of slices to PRBs of the cells and to UEs, and sums reports of UEs by slice.

RBGs are dealt out in the order of the slices from the lowest frequency on. PRBs that a cell has sold are taken out of
what slices may lend, in proportion.

B drops, U UEs, C cells, K PRBs, S slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.engine import Engine
from ..engine.state import COUNTERS, CellState
from ..scheduling.observe import Quotas
from .settings import SliceRules
from .types import SlicingContext, SlicingDecision, SlicingObservation


@dataclass(frozen=True)
class Shares:
    """Holds which slice may hold which PRBs during an interval."""

    owner: Tensor  # [B, C, K] int64, slice that owns each PRB; S where none does
    lent: Tensor | None  # [B, C, K] bool, PRBs that other slices may borrow; None: none
    most_prbs: Tensor | None  # see SchedulingObservation


class CarrierSlices:
    """Maps the quotas of the slices of one carrier.

    Args:
        engine: the carrier; its UEs' ``slice_id`` are places in ``rules.slices``.
        rules: the slices.

    Raises:
        ValueError: more slices than RBGs for their least quotas.
    """

    def __init__(self, engine: Engine, rules: SliceRules) -> None:
        self.engine, self.rules, self.rbgs = engine, rules, rules.rbgs(engine.prbs)
        self.count = len(rules.slices)
        self._rbg_of_prb = torch.arange(engine.prbs, device=engine.device) // rules.rbg_prbs
        self._one = torch.ones(engine.shape, dtype=torch.float64, device=engine.device)

    @property
    def context(self) -> SlicingContext:
        """Returns the context with which slice controllers are reset."""
        engine = self.engine
        return SlicingContext.of(
            self.rules, engine.parts.carrier, engine.parts.drops, engine.cells, engine.device, engine.dtype
        )

    @property
    def no_totals(self) -> Tensor:
        """Returns the sums of an interval in which nothing happened, ``[len(engine.counters), B, U]``."""
        shape = (len(self.engine.counters), *self.engine.shape)
        return torch.zeros(shape, dtype=torch.float64, device=self.engine.device)

    def equal(self) -> Tensor:
        """Returns equal quotas, the remainder to the first slices, int64 ``[B, C, S]``."""
        place = torch.arange(self.count, device=self.engine.device)
        rbg = self.rbgs // self.count + (place < self.rbgs % self.count).long()
        return rbg.expand(self.engine.shape[0], self.engine.cells, self.count).contiguous()

    def report(self, cells: CellState, interval: int, rbg: Tensor, totals: Tensor) -> SlicingObservation:
        """Returns what a slice controller observes of the last interval.

        Args:
            cells: at its end.
            interval: number of the next one.
            rbg: ``[B, C, S]`` quotas that were in force.
            totals: ``[len(engine.counters), B, U]`` sums over its slots.
        """
        rate = cells.reports[0].mean_bits.to(torch.float64)
        group = cells.attached.serving * self.count + self.engine.slice_id
        members = self._by_slice(self._one, group)
        of_ues = {
            "backlog_bits": self.engine.backlog_bits(cells),
            "arrived_bits": totals[COUNTERS.index("demand_bits")],
        }
        of_ues |= {name: totals[COUNTERS.index(name)] for name in ("served_bits", "requested_prbs", "granted_prbs")}
        own_slice = self.engine.slice_id.expand_as(rate)
        reports = torch.stack([cells.attached.serving.double(), own_slice.double(), *of_ues.values(), rate], -1)
        return SlicingObservation(
            interval=interval,
            users=members,
            rbg=rbg,
            bits_per_prb=self._by_slice(rate, group) / members.clamp(min=1),
            ue_reports=reports,
            **{name: self._by_slice(values, group) for name, values in of_ues.items()},
        )

    def owner(self, rbg: Tensor) -> Tensor:
        """Returns the slice that owns each PRB, ``[B, C, K]``; S where none does."""
        return _owner(self._rbg_of_prb, rbg)

    def prbs(self, owner: Tensor) -> Tensor:
        """Counts the PRBs of each slice, int64 ``[B, C, S]``.

        Args:
            owner: ``[B, C, K]``, S or more where no slice owns a PRB.
        """
        return (owner[..., None] == torch.arange(self.count, device=owner.device)).sum(2)

    def shares(self, decision: SlicingDecision) -> Shares:
        """Returns the slice that owns each PRB, which PRBs may be lent, and how many a slice may hold in all."""
        kept = self._kept(decision) if self.rules.lends and decision.kept_rbg is not None else None
        return self._shares(decision, self.owner(decision.rbg), kept)

    def shares_beside(self, decision: SlicingDecision, sold: Tensor) -> Shares:
        """Returns the shares of a carrier of which some PRBs are sold; these are of the slices that go without them.

        Sold are first PRBs that no slice owns, then those that slices may lend (``rbg`` less ``kept_rbg``), in
        proportion to how many these are, by largest remainders (ours). In the order of frequency, each slice has on the
        PRBs that are not sold what it keeps and what is left to it, and on the sold ones what it goes without.

        Args:
            decision: of the slice controller.
            sold: bool ``[B, C, K]``, of each cell no more than :meth:`sellable`.
        """
        own = self.prbs(self.owner(decision.rbg))
        kept = self._kept_prbs(decision)
        lost = cut(own - kept, sold.sum(-1) - (self.engine.prbs - own.sum(-1)))
        left = own - lost
        rank, rank_sold = ((~sold).cumsum(-1) - 1, sold.cumsum(-1) - 1)
        owner = torch.where(sold, _owner(rank_sold, lost), _owner(rank, left))
        return self._shares(decision, owner, _first_ones(rank, left, kept) & ~sold)

    def sellable(self, decision: SlicingDecision) -> Tensor:
        """Counts the PRBs of each cell that no slice keeps for itself, int64 ``[B, C]``."""
        return self.engine.prbs - self._kept_prbs(decision).sum(-1)

    def quotas(self, cells: CellState, shares: Shares) -> Quotas:
        """Returns what each UE may hold and borrow in the cell that serves it now."""
        batch, users = self.engine.shape
        home = cells.attached.serving[..., None].expand(batch, users, self.engine.prbs)
        mine = shares.owner.gather(1, home) == self.engine.slice_id[..., None]
        lent = None if shares.lent is None else shares.lent.gather(1, home) & ~mine
        return Quotas(mine, lent, shares.most_prbs)

    def _shares(self, decision: SlicingDecision, owner: Tensor, kept: Tensor | None) -> Shares:
        """Returns the shares; ``kept`` bool ``[B, C, K]`` are PRBs that are never lent."""
        lent, most_prbs, most = None, None, decision.most_rbg
        if self.rules.lends:
            lent = torch.ones_like(owner, dtype=torch.bool) if kept is None else ~kept
            if most is not None and bool((most < self.rbgs).any()):
                most_prbs = (most * self.rules.rbg_prbs).clamp(max=self.engine.prbs)
        return Shares(owner, lent, most_prbs)

    def _kept(self, decision: SlicingDecision) -> Tensor:
        """Returns whether a PRB is among those that its slice never lends, bool ``[B, C, K]``."""
        assert decision.kept_rbg is not None
        return _first_ones(self._rbg_of_prb, decision.rbg, decision.kept_rbg)

    def _kept_prbs(self, decision: SlicingDecision) -> Tensor:
        """Counts the PRBs that each slice never lends, int64 ``[B, C, S]``."""
        if decision.kept_rbg is None:
            return torch.zeros_like(decision.rbg)
        return self.prbs(torch.where(self._kept(decision), self.owner(decision.rbg), self.count))

    def _by_slice(self, values: Tensor, group: Tensor) -> Tensor:
        """Sums over the UEs of each slice in each cell, ``[B, C, S]`` from ``[B, U]``."""
        batch = values.shape[0]
        out = values.new_zeros((batch, self.engine.cells * self.count))
        return out.scatter_add_(1, group, values).view(batch, self.engine.cells, self.count)


def cut(shares: Tensor, total: Tensor) -> Tensor:
    """Computes whole numbers in proportion to ``shares`` that add up to ``total``, by largest remainders.

    None is greater than its share; equal remainders go to the first slice. All in whole numbers, and so exact.

    Args:
        shares: int64 ``[B, C, S]``, not negative.
        total: int64 ``[B, C]``, at most the sum of the shares; below 0 it counts as 0.
    """
    whole, total = shares.sum(-1, keepdim=True).clamp(min=1), total.clamp(min=0)[..., None]
    part, rest = total * shares // whole, total * shares % whole
    order = rest.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    return part + (order < total - part.sum(-1, keepdim=True))


def _owner(number: Tensor, quota: Tensor) -> Tensor:
    """Returns the slice that a PRB falls to if quotas ``[B, C, S]`` follow each other, ``[B, C, K]``; S behind them.

    Args:
        number: of the RBG or PRB, ``[K]`` or ``[B, C, K]``.
        quota: in the same unit.
    """
    return (number[..., None] >= quota.cumsum(-1)[..., None, :]).sum(-1)


def _first_ones(number: Tensor, quota: Tensor, kept: Tensor) -> Tensor:
    """Returns whether a PRB is among the first ``kept`` of its slice, ``[B, C, K]``; see :func:`_owner`."""
    number, first = number[..., None], (quota.cumsum(-1) - quota)[..., None, :]
    return ((number >= first) & (number < first + kept[..., None, :])).any(-1)
