"""Computes what UEs with a single antenna receive from cells with one antenna port."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phy.link.response import Response
from phy.link.sinr import sinr
from phy.numerics.jit import backend_name

from ..grant import Transmission
from ..state import EngineParts, Report, SlotBlockResponse, SlotInputs
from .radio import Reception
from .radio_base import RadioBase
from .scalar_fading import ScalarFading


class SisoDownlink(RadioBase):
    """Computes SINR with the interference of the PRBs that the other cells use, and reports of it.

    Args:
        parts: of the engine.
    """

    follows_serving = False
    is_compiled = True

    def __init__(self, parts: EngineParts) -> None:
        super().__init__(parts)
        compiled = (parts.backend or backend_name(parts.device.type)) == "numba"
        self.fading, self._late = ScalarFading(parts), compiled and parts.keeps_full_buffers
        self.slots_at_once = self.fading.slots_at_once

    def respond(self, first_slot: int) -> SlotBlockResponse[Any]:
        """Computes the responses of links from a slot on."""
        return self.fading.respond_late(first_slot) if self._late else self.fading.respond(first_slot)

    def first_report(self, moment: SlotInputs[Response]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""
        batch = len(moment.serving)
        full = moment.response.coordinates.new_ones((batch, self._cells, self._prbs))
        return self.report(sinr(moment.response, moment.serving, full))

    def report(self, gamma: Tensor) -> Report:
        """Computes the report of the SINR ``[B, U, K]``; no order of PRBs changes its mean, a sum in float64."""
        bits = self._tables.adaptation.report(gamma)
        return Report(bits, (bits.sum(-1, dtype=torch.float64) / self._prbs).to(bits.dtype))

    def receive(self, moment: SlotInputs[Response], sending: Transmission) -> Reception:
        """Computes the SINR of all UEs on all PRBs, of which those scheduled decode and all report."""
        gamma = sinr(moment.response, moment.serving, sending.activity)
        held = gamma.flatten(1).gather(1, sending.grant.place)
        report = self.report(gamma) if moment.measured else None
        return Reception(sending.effective_sinr(self._tables.mapping, held), sending.activity, report)
