"""Computes a slot of the engine as one graph that torch.compile makes, for GPUs; a CPU has compiled loops instead."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from phy.numerics.jit import BackendName, CompilerError

from ..radio.radio import Radio
from ..state import CellState, EngineParts, Report, SlotInputs, SlotResult
from .torch_slot import TorchSlot


class TracedSlot:
    """Computes slots as one graph that torch.compile makes of the torch form at the first slots.

    Every shape is fixed and nothing is read back, so that the graph has no breaks.

    Args:
        parts: of the engine.
        radio: of the engine.
        compiler: torch.compile's ``backend``.
    """

    name: BackendName = "torch.compile"
    window_slots = 1

    def __init__(self, parts: EngineParts, radio: Radio[Any], compiler: str | Callable[..., Any] = "inductor") -> None:
        self._slot = TorchSlot(parts, radio)
        own = _of_its_own(self._slot.carry_out)
        self._traced = torch.compile(own, dynamic=False, fullgraph=True, backend=compiler)

    def first_report(self, moment: SlotInputs[Any]) -> Report:
        """Computes the report of the first slot, with every cell at full load, operation by operation."""
        return self._slot.first_report(moment)

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        return self._slot.need(state)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Any]) -> SlotResult:
        """Transmits what was decided; where operations are counted, operation by operation.

        Raises:
            CompilerError: it cannot be compiled, or what was compiled fails.
            torch.OutOfMemoryError: the device's memory ran out.
        """
        slot = state, user, need_prbs, moment
        if is_in_torch_dispatch_mode():
            return self._slot.carry_out(*slot)
        try:
            carried: SlotResult = self._traced(*slot)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a compiler may fail in any way
            raise CompilerError.of("torch.compile", error) from error
        return carried

    def in_place(self, state: CellState, slots: int, moment: Callable[[int], SlotInputs[Any]]) -> None:
        """Returns None: each slot is computed by itself."""


def _of_its_own(method: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the method with code of its own, as torch compiles one code for a limited number of shapes."""
    assert isinstance(method, MethodType)
    old = method.__func__
    own = FunctionType(old.__code__.replace(), old.__globals__, old.__name__, old.__defaults__, old.__closure__)
    return MethodType(own, method.__self__)
