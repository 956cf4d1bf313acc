"""Chooses the form in which an engine computes its slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phy.numerics.jit import BackendName, backend_name

from ..state import SlotBackend, SlotEngine
from .torch_compile import TracedSlot
from .torch_slot import TorchSlot

if TYPE_CHECKING:
    import torch


def choose(device: torch.device, has_loops: bool) -> BackendName:
    """Returns the quickest form that FAIRWAVE_COMPILE allows.

    Args:
        device: of the engine.
        has_loops: whether there are compiled forms of the engine's radio.
    """
    return backend_name(device.type) if has_loops else "torch"


def make(name: BackendName, engine: SlotEngine) -> SlotBackend:
    """Returns the form of a name for an engine.

    Raises:
        phy.numerics.jit.CompilerError: numba cannot be imported.
    """
    if name == "torch":
        return TorchSlot(engine)
    if name == "torch.compile":
        return TracedSlot(engine)
    from .numba_slot import CompiledSlot  # numba takes long to import

    return CompiledSlot(engine)
