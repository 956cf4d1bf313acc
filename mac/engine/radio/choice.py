"""Chooses the radio of an engine."""

from __future__ import annotations

from typing import Any

from ..state import EngineParts
from .comp import Comp
from .mu_mimo import MuMimo
from .radio import Radio
from .siso_downlink import SisoDownlink
from .su_mimo import SuMimo
from .uplink import Uplink


def radio_of(parts: EngineParts) -> Radio[Any]:
    """Returns the radio that the direction, the antennas and the coordination of the parts ask for."""
    if parts.uplink is not None:
        return Uplink(parts)
    if parts.coordination is not None:
        return Comp(parts, parts.coordination)
    if parts.channel.mimo is None:
        return SisoDownlink(parts)
    return MuMimo(parts) if parts.channel.mimo.settings.forces_zeros else SuMimo(parts)
