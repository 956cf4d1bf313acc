"""Builds a scheduler's observation from what a base station knows and the quotas of slices."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..engine.engine import Engine
from ..engine.state import CellState
from .types import SchedulingContext, SchedulingObservation


@dataclass(frozen=True)
class Quotas:
    """Holds which PRBs each UE may hold in a slot; see :class:`mac.scheduling.types.SchedulingObservation`."""

    owned: Tensor | None = None  # [B, U, K] bool
    borrowable: Tensor | None = None  # [B, U, K] bool
    most_prbs: Tensor | None = None  # [B, C, S] int64


ALL = Quotas()
"""Every UE may hold every PRB of its cell."""


def context_of(engine: Engine) -> SchedulingContext:
    """Returns what schedulers are reset with."""
    shares = engine.users_per_prb > 1
    return SchedulingContext(
        drops=engine.parts.drops,
        users=engine.shape[1],
        cells=engine.cells,
        prbs=engine.prbs,
        slices=engine.parts.users.slices,
        slot_s=engine.parts.carrier.slot_s,
        saturated=engine.saturated,
        device=engine.device,
        dtype=engine.dtype,
        users_per_prb=engine.users_per_prb,
        bits_of_sinr=engine.parts.tables.adaptation.bits_of_sinr if shares else None,
    )


def observe(engine: Engine, cells: CellState, quotas: Quotas = ALL) -> SchedulingObservation:
    """Returns what a scheduler sees at the start of a slot."""
    known = engine.observe(cells)
    return SchedulingObservation(
        slot=known.slot,
        serving=known.attached.serving,
        slice_id=engine.slice_id,
        roster=known.attached.roster,
        rate_bits=known.report.bits,
        mean_rate_bits=known.report.mean_bits,
        backlog_bits=known.backlog_bits,
        need_prbs=known.need_prbs,
        retransmits=known.retransmits,
        served_bits=known.served_bits,
        delay_budget_s=engine.delay_budget_s,
        owned=quotas.owned,
        borrowable=quotas.borrowable,
        head_of_line=known.head_of_line,
        sinr=known.sinr,
        similarity_of=known.similarity,
        most_prbs=quotas.most_prbs,
    )
