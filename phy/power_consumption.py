"""Computes the power that a base station draws from the mains."""

from __future__ import annotations

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from .settings import STRICT


@dataclass(frozen=True, config=STRICT)
class PowerSettings:
    """Holds the linear load model of a cell's base station: each transceiver draws ``idle_w + slope * radiated power``.

    Source: Auer et al., "How much energy is needed to run a wireless network?", IEEE Wireless Communications 18(5),
    2011 (project EARTH), macro base station of three sectors with two transceivers each.
    """

    transceivers: int = Field(default=2, ge=1)
    """Transceivers of a cell, among which its transmit power is divided evenly."""
    idle_w: float = Field(default=130.0, ge=0)
    """Power that a transceiver draws while it is on and radiates nothing (P0)."""
    slope: float = Field(default=4.7, ge=1)
    """Further power drawn per radiated power (Delta p)."""
    max_tx_w: float = Field(default=20.0, gt=0)
    """Largest radiated power of a transceiver (P_max); the model holds up to there."""
    sleep_w: float = Field(default=75.0, ge=0)
    """Power that a transceiver draws asleep (P_sleep)."""
    sleeps: bool = False
    """Whether a cell sleeps in an interval in which it radiates nothing."""


def energy_j(settings: PowerSettings, used_share: Tensor, tx_power_w: float, duration_s: float) -> Tensor:
    """Computes the energy in J that each cell draws, of the shape of ``used_share``.

    ``E = duration * (N P0 + Delta_p * share * P_tx)`` with N transceivers; ``duration * N P_sleep`` asleep.

    Args:
        settings: the load model.
        used_share: share of the cell's PRBs that carried data, 0 to 1, ``[...]``.
        tx_power_w: power that a cell radiates when it uses all its PRBs.
        duration_s: length of the interval.

    Raises:
        ValueError: the transceivers cannot radiate this power.
    """
    limit_w = settings.transceivers * settings.max_tx_w
    if not 0.0 <= tx_power_w <= limit_w:
        raise ValueError(
            f"a cell's transmit power of {tx_power_w:.4g} W lies outside 0 to {limit_w:.4g} W, which "
            f"{settings.transceivers} transceivers of {settings.max_tx_w:.4g} W can radiate; use more transceivers"
        )
    idle_w = settings.transceivers * settings.idle_w
    drawn_w = idle_w + settings.slope * tx_power_w * used_share
    if settings.sleeps:
        drawn_w = torch.where(used_share > 0, drawn_w, settings.transceivers * settings.sleep_w)
    return drawn_w * duration_s
