"""A slot of the engine as one compiled graph, for GPUs: torch.compile of what a CPU has compiled loops for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from phy.compiling import slower

from .cells import Carried


class TracedSlot:
    """A slot through torch.compile, or, where that fails, as it is: then why is said, once.

    Every shape is fixed and nothing is read back, so that the graph has no breaks. It is made at the first slots.

    Args:
        carry_out: :meth:`mac.engine.Engine.carry_out` of an engine.
        backend: of torch.compile.
    """

    def __init__(self, carry_out: Callable[..., Carried], backend: str = "inductor") -> None:
        self._plain, self.whole = carry_out, True
        self._traced = torch.compile(carry_out, dynamic=False, fullgraph=True, backend=backend)

    def carry_out(self, *arguments: Any) -> Carried:
        """As the engine's own."""
        if self.whole:
            try:
                return self._traced(*arguments)
            except torch._dynamo.exc.TorchDynamoException as error:  # no compiler here, or one that fails
                self.whole = False
                slower(error)
        return self._plain(*arguments)
