"""Makes packets of one size that arrive independently of one another."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .arrival_draws import poisson_arrivals, user_keys
from .packets import Packets, sort_packets


@dataclass(frozen=True, config=STRICT)
class Poisson:
    """Makes packets of one size with exponential gaps: a Poisson process per UE."""

    full_buffer: ClassVar[bool] = False

    model: Literal["poisson"] = "poisson"
    """Name of the traffic model."""
    rate_bps: float = Field(default=1e6, ge=1.0, le=1e11)
    """Mean rate of each UE, bit/s."""
    packet_bytes: int = Field(default=1500, ge=1, le=65535)
    """Size of a packet."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the mean rate of each UE, bit/s."""
        return self.rate_bps

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the arrivals of ``users`` UEs from ``key``; arguments as in ``ConstantBitRate.packets``."""
        gap_s = 8 * self.packet_bytes / self.rate_bps
        slot, user = poisson_arrivals(user_keys(key, users), gap_s, slots, slot_s)
        return sort_packets(slot, user, self.packet_bytes)
