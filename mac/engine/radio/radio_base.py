"""Computes what most radios have in common: one UE a PRB, at the bits that it reported."""

from __future__ import annotations

from torch import Tensor

from ..grant import Grant
from ..state import CellState, EngineParts, Report, SlotDecision
from .radio import Expectation, SharingReport, forget_bits, need_at


class RadioBase:
    """Provides the parts of a :class:`~mac.engine.radio.radio.Radio` that do not depend on the channel.

    Args:
        parts: of the engine.
    """

    counters: tuple[str, ...] = ()
    users_per_prb = 1
    follows_serving = True
    limits_need = False
    is_compiled = False
    several_cells = False

    def __init__(self, parts: EngineParts) -> None:
        self._tables, self._cells, self._prbs = parts.tables, parts.cells, parts.prbs

    def forget(self, report: Report, kept: Tensor) -> Report:
        """Returns the report where ``kept`` ``[B, U]`` is 1, and no bits where it is 0."""
        return forget_bits(report, kept)

    def sharing(self, state: CellState) -> SharingReport | None:
        """Returns None: PRBs are not shared."""
        return None

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        return need_at(state, state.reports[0].mean_bits, self._prbs)

    def holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UE on each PRB, ``[B, C, K]``."""
        return decision.user

    def expect(self, state: CellState, grant: Grant) -> Expectation:
        """Returns the reported bits of each PRB that a UE holds."""
        return Expectation(state.reports[0].bits.flatten(1).gather(1, grant.place))

    def choose_mcs(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """Chooses the MCS whose bits the expectation and the outer loop promise, int64 ``[B, U]``."""
        return self._tables.adaptation.choose_mcs(mean_bits, state.outer_loop_db)
