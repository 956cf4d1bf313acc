"""Makes packets of one size at even gaps."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .arrival_draws import before_slot, uniforms, user_keys
from .packets import Packets, no_packets, slot_of, sort_packets


@dataclass(frozen=True, config=STRICT)
class ConstantBitRate:
    """Makes packets of one size at even gaps; each UE starts at a random phase."""

    full_buffer: ClassVar[bool] = False

    model: Literal["constant_bit_rate"] = "constant_bit_rate"
    """Name of the traffic model."""
    rate_bps: float = Field(default=1e6, ge=1.0, le=1e11)
    """Rate of each UE, bit/s."""
    packet_bytes: int = Field(default=1500, ge=1, le=65535)
    """Size of a packet."""
    random_phase: bool = True
    """Whether the first packet comes at a random time within the first gap, instead of at time 0."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the rate of each UE, bit/s."""
        return self.rate_bps

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Computes arrivals: packet k of a UE at ``(k + phase) gap`` with ``gap = 8 packet_bytes / rate_bps``.

        Args:
            key: key of the drop's traffic, as from ``phy.random.stream_key``.
            users: number of UEs.
            slots: horizon; a longer one only appends.
            slot_s: duration of a slot.
        """
        if not users:
            return no_packets()
        gap_s = 8 * self.packet_bytes / self.rate_bps
        phase = uniforms(user_keys(key, users), 1) if self.random_phase else np.zeros((users, 1))
        number = np.arange(math.ceil(slots * slot_s / gap_s) + 1)
        slot, user = before_slot(slot_of((phase + number) * gap_s, slot_s), slots)
        return sort_packets(slot, user, self.packet_bytes)
