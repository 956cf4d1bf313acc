"""Makes bursts: packets at a constant rate that is switched on and off at random."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from phy.settings import STRICT

from .arrival_draws import BLOCK, concatenate_arrivals, exponentials, ragged_indices, uniforms, user_keys
from .packets import Floats, Ints, Packets, slot_of, sort_packets


@dataclass(frozen=True, config=STRICT)
class OnOff:
    """Makes packets at a constant rate during exponential on periods, and none during exponential off periods.

    A UE is found in either state with its long-run probability from the first slot on. Packets come at even gaps of
    the time spent on (a clock that stands still while off), so that no period gains or loses part of a packet.
    """

    full_buffer: ClassVar[bool] = False

    model: Literal["on_off"] = "on_off"
    """Name of the traffic model."""
    on_s: float = Field(default=1.0, ge=1e-3, le=1e6)
    """Mean duration of an on period."""
    off_s: float = Field(default=1.0, ge=1e-3, le=1e6)
    """Mean duration of an off period."""
    rate_bps: float = Field(default=2e6, ge=1.0, le=1e11)
    """Rate of a UE while on, bit/s."""
    packet_bytes: int = Field(default=1500, ge=1, le=65535)
    """Size of a packet."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the long-run rate of each UE, ``rate_bps on_s / (on_s + off_s)``, bit/s."""
        return self.rate_bps * self.on_s / (self.on_s + self.off_s)

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the arrivals of ``users`` UEs from ``key``; arguments as in ``ConstantBitRate.packets``."""
        keys = user_keys(key, users)
        phase, state = uniforms(keys, 2).T[:, :, None]
        starts_on = state < self.on_s / (self.on_s + self.off_s)
        wall_s, on_s = np.zeros((users, 1)), np.zeros((users, 1))
        found: list[tuple[Ints, Ints]] = []
        start = 2
        while users and slot_of(wall_s[:, -1], slot_s).min() < slots:
            off, on = self._periods(keys, start)
            if start == 2:
                off[:, :1] = np.where(starts_on, 0.0, off[:, :1])
            on_s = np.cumsum(np.concatenate((on_s[:, -1:], on), axis=1), axis=1)
            both = np.stack((off, on), axis=2).reshape(users, -1)
            wall_s = np.cumsum(np.concatenate((wall_s[:, -1:], both), axis=1), axis=1)
            found.append(self._arrivals(phase, on_s, wall_s[:, 1::2], slots, slot_s))
            start += 2 * BLOCK
        slot, user = concatenate_arrivals(found)
        return sort_packets(slot, user, self.packet_bytes)

    def _periods(self, keys: Tensor, start: int) -> tuple[Floats, Floats]:
        """Draws the next off and on periods of each UE, alternating, ``[U, BLOCK]`` each."""
        draws = exponentials(keys, 2 * BLOCK, start)
        return self.off_s * draws[:, 0::2], self.on_s * draws[:, 1::2]

    def _arrivals(
        self, phase: Floats, on_clock_s: Floats, begin_s: Floats, slots: int, slot_s: float
    ) -> tuple[Ints, Ints]:
        """Computes the packets of on periods that begin at ``begin_s [U, n]`` with ``on_clock_s`` of time spent on."""
        gap_s = 8 * self.packet_bytes / self.rate_bps
        bound = np.ceil(on_clock_s / gap_s - phase).astype(np.int64)  # packets before each period
        limit = np.ceil((slots * slot_s - begin_s).clip(min=0.0) / gap_s).astype(np.int64) + 1  # before the horizon
        period, position = ragged_indices(np.minimum(bound[:, 1:] - bound[:, :-1], limit).ravel())
        user = period // begin_s.shape[1]
        tick_s = (bound[:, :-1].ravel()[period] + position + phase[user, 0]) * gap_s
        slot = slot_of(begin_s.ravel()[period] + (tick_s - on_clock_s[:, :-1].ravel()[period]), slot_s)
        near = slot < slots
        return slot[near], user[near]
