"""A slot of the engine as one compiled graph, for GPUs: torch.compile of what a CPU has compiled loops for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from phy.compiling import slower

from .cells import Carried, CellState, Moment

if TYPE_CHECKING:
    from .engine import Engine


class TracedSlot:
    """A slot through torch.compile, or, where that fails, as it is: then why is said, once.

    Every shape is fixed and nothing is read back, so that the graph has no breaks. It is made at the first slots.

    Args:
        engine: whose slots these are.
        backend: of torch.compile.
    """

    def __init__(self, engine: Engine, backend: str | Callable[..., Any] = "inductor") -> None:
        self.engine = engine
        self._traced = torch.compile(engine.carry_out, dynamic=False, fullgraph=True, backend=backend)

    def at_once(self) -> None:
        """It is compiled at the first slot anyhow."""

    def need(self, state: CellState) -> Tensor:
        """As the engine's own, which it is."""
        return self.engine.need(state)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: Moment) -> Carried:
        """As the engine's own."""
        try:
            return self._traced(state, user, need_prbs, moment)
        except torch._dynamo.exc.TorchDynamoException as error:  # no compiler here, or one that fails
            self.engine.machine_code = None
            slower(error)
            return self.engine.carry_out(state, user, need_prbs, moment)
