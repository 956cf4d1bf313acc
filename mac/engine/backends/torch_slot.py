"""Computes a slot by torch's operations: the definition of a slot, for every radio and device."""

from __future__ import annotations

from torch import Tensor

from phy.numerics.jit import BackendName

from ..state import Carried, CellState, Moment, SlotEngine


class TorchSlot:
    """Computes slots as the engine writes them."""

    name: BackendName = "torch"

    def __init__(self, engine: SlotEngine) -> None:
        self.engine = engine

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        return self.engine.need(state)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: Moment) -> Carried:
        """Transmits what was decided."""
        return self.engine.carry_out(state, user, need_prbs, moment)
