"""Chooses the radio of an engine."""

from __future__ import annotations

from typing import Any

from ..state import EngineParts
from .mu_mimo import MuMimo
from .radio import Radio
from .siso_downlink import SisoDownlink
from .su_mimo import SuMimo
from .uplink import Uplink


def radio_of(parts: EngineParts) -> Radio[Any]:
    """Returns the radio that the direction and the antennas of the parts ask for."""
    if parts.uplink is not None:
        return Uplink(parts)
    if parts.channel.mimo is None:
        return SisoDownlink(parts)
    return MuMimo(parts) if parts.channel.mimo.settings.forces_zeros else SuMimo(parts)
