"""A slot of the engine as one compiled graph, for GPUs: torch.compile of what a CPU has compiled loops for."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from phy.numerics.jit import slower

from ..state import Carried, CellState, Moment

if TYPE_CHECKING:
    from ..engine import Engine


class TracedSlot:
    """A slot through torch.compile, or, where that fails, as it is: then why is said, once in a process.

    Every shape is fixed and nothing is read back, so that the graph has no breaks. It is made at the first slots.

    Args:
        engine: whose slots these are.
        backend: of torch.compile.

    Attributes:
        works: false from the first failure in this process on.
    """

    works: ClassVar[bool] = True

    def __init__(self, engine: Engine, backend: str | Callable[..., Any] = "inductor") -> None:
        self.engine = engine
        self._traced = torch.compile(_of_its_own(engine.carry_out), dynamic=False, fullgraph=True, backend=backend)

    def at_once(self) -> None:
        """It is compiled at the first slot anyhow."""

    def need(self, state: CellState) -> Tensor:
        """As the engine's own, which it is."""
        return self.engine.need(state)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: Moment) -> Carried:
        """As the engine's own; where its operations are counted, operation by operation."""
        slot = state, user, need_prbs, moment
        if is_in_torch_dispatch_mode():
            return self.engine.carry_out(*slot)
        try:
            carried: Carried = self._traced(*slot)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a compiler may fail in any way; a fault of the slot itself arises here again
            carried = self.engine.carry_out(*slot)
            self._give_up(error)
        return carried

    def _give_up(self, error: Exception) -> None:
        self.engine.machine_code = None
        if TracedSlot.works:
            TracedSlot.works = False
            slower(error)


def _of_its_own(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method with code that no other engine has: torch compiles a code for so many shapes, and then no more."""
    assert isinstance(method, MethodType)
    old = method.__func__
    own = FunctionType(old.__code__.replace(), old.__globals__, old.__name__, old.__defaults__, old.__closure__)
    return MethodType(own, method.__self__)
