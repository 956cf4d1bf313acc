"""Computes what UEs with a single antenna receive from cells with one antenna port."""

from __future__ import annotations

import torch
from torch import Tensor

from phy.link.response import Response
from phy.link.sinr import sinr

from ..grant import Grant, Transmission
from ..state import CellState, EngineParts, Report, SlotDecision, SlotInputs
from .radio import Expectation, Reception, forget_bits, need_of_queue, reported_bits
from .scalar_fading import ScalarFading, ScalarResponses


class SisoDownlink:
    """Computes SINR with the interference of the PRBs that the other cells use, and reports of it.

    Args:
        parts: of the engine.
    """

    counters: tuple[str, ...] = ()
    users_per_prb = 1
    follows_serving = False
    limits_need = False
    is_compiled = True
    several_cells = False

    def __init__(self, parts: EngineParts) -> None:
        self.fading = ScalarFading(parts)
        self.slots_at_once = self.fading.slots_at_once
        self._tables, self._prbs, self._cells = parts.tables, parts.prbs, parts.cells

    def respond(self, first_slot: int) -> ScalarResponses:
        """Computes the responses of links from a slot on."""
        return self.fading.respond(first_slot)

    def first_report(self, moment: SlotInputs[Response]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""
        batch = len(moment.serving)
        full = moment.response.coordinates.new_ones((batch, self._cells, self._prbs))
        return self.report(sinr(moment.response, moment.serving, full))

    def report(self, gamma: Tensor) -> Report:
        """Computes the report of the SINR ``[B, U, K]``; no order of PRBs changes its mean, a sum in float64."""
        bits = self._tables.adaptation.report(gamma)
        return Report(bits, (bits.sum(-1, dtype=torch.float64) / self._prbs).to(bits.dtype))

    def forget(self, report: Report, kept: Tensor) -> Report:
        """Returns the report where ``kept`` ``[B, U]`` is 1, and no bits where it is 0."""
        return forget_bits(report, kept)

    def sharing(self, state: CellState) -> None:
        """Returns None: PRBs are not shared."""

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        return need_of_queue(state, self._prbs)

    def holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UE on each PRB, ``[B, C, K]``."""
        return decision.user

    def expect(self, state: CellState, grant: Grant) -> Expectation:
        """Returns the reported bits of each PRB that a UE holds."""
        return reported_bits(state, grant)

    def choose_mcs(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """Chooses the MCS whose bits the report and the outer loop promise, int64 ``[B, U]``."""
        return self._tables.adaptation.choose_mcs(mean_bits, state.outer_loop_db)

    def receive(self, moment: SlotInputs[Response], sending: Transmission) -> Reception:
        """Computes the SINR of all UEs on all PRBs, of which those scheduled decode and all report."""
        gamma = sinr(moment.response, moment.serving, sending.activity)
        held = gamma.flatten(1).gather(1, sending.grant.place)
        report = self.report(gamma) if moment.measured else None
        return Reception(sending.effective_sinr(self._tables.mapping, held), sending.activity, report)
