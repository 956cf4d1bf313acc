"""Chooses the form in which an engine computes its slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phy.numerics.jit import BackendName, backend_name

from ..radio.radio import Radio
from ..state import EngineParts, SlotBackend
from .torch_compile import TracedSlot
from .torch_slot import TorchSlot

if TYPE_CHECKING:
    import torch


def choose(device: torch.device, is_compiled: bool) -> BackendName:
    """Returns the quickest form that FAIRWAVE_COMPILE allows.

    Args:
        device: of the engine.
        is_compiled: whether there are compiled forms of the engine's radio.
    """
    return backend_name(device.type) if is_compiled else "torch"


def make(name: BackendName, parts: EngineParts, radio: Radio[Any]) -> SlotBackend:
    """Returns the form of a name for an engine.

    Raises:
        phy.numerics.jit.CompilerError: numba cannot be imported.
        ValueError: there is no such form of the radio.
    """
    if name == "torch":
        return TorchSlot(parts, radio)
    if name == "torch.compile":
        return TracedSlot(parts, radio)
    from .numba_slot import CompiledSlot  # numba takes long to import

    return CompiledSlot(parts, radio)
