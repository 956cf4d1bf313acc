"""Computes positions and data of the ground users over time: pure functions of the interval.

B drops, U users, T intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.mobility import Trajectory

from ..traffic import Arrivals

_AHEAD = 64  # intervals computed at once


@dataclass(frozen=True)
class DayLoad:
    """Holds how the data that arrive change over the day."""

    factor: Tensor  # [U, hours] float64, 24 hours
    start_hour: float
    pace: float  # how many times as fast as the clock the day passes

    def at(self, time_s: Tensor) -> Tensor:
        """Computes the factor at times ``[T]`` in s, ``[U, T]``."""
        hour = (self.start_hour + time_s * (self.pace / 3600.0)).floor().long() % self.factor.shape[1]
        return self.factor[:, hour]


@dataclass(frozen=True)
class GroundUsers:
    """Holds the users of a batch of drops.

    Attributes:
        start_m: positions at the start, float64 ``[B, U, 2]``.
        trajectory: positions over time; None where all users stay.
        full_buffer: users that always have data, bool ``[U]``.
        arrivals: packets of the others, in slots of an interval; None where there are none.
        day: change of the arrivals over the day; None for none.
        height_m: height of the users.
    """

    start_m: Tensor
    trajectory: Trajectory | None
    full_buffer: Tensor
    arrivals: Arrivals | None
    day: DayLoad | None
    height_m: float


class GroundPlan:
    """Computes positions and arrivals in any interval, some intervals ahead at once."""

    def __init__(self, ground: GroundUsers, interval_s: float, device: torch.device, dtype: torch.dtype) -> None:
        self.ground, self.interval_s, self.device, self.dtype = ground, interval_s, device, dtype
        drops, users = ground.start_m.shape[:2]
        self._users = users
        self._still = ground.start_m.to(device, dtype)
        self._infinite = torch.where(ground.full_buffer, torch.inf, 0.0).to(device, dtype).expand(drops, users)
        self._positions: tuple[int, Tensor] | None = None
        self._bits: tuple[int, Tensor] | None = None

    def position_m(self, interval: int) -> Tensor:
        """Computes the positions at the start of an interval, ``[B, U, 2]``."""
        if self.ground.trajectory is None:
            return self._still
        first = interval - interval % _AHEAD
        if self._positions is None or self._positions[0] != first:
            time = torch.arange(first, first + _AHEAD, dtype=torch.float64) * self.interval_s
            time = time.clamp(max=self.ground.trajectory.duration_s)
            plane = self.ground.trajectory.position_m(time)[..., :2]
            self._positions = first, plane.movedim(2, 0).to(self.device, self.dtype).contiguous()
        return self._positions[1][interval - first]

    def arrived_bits(self, interval: int) -> Tensor:
        """Computes the bits that arrive at the start of an interval, ``[B, U]``; inf with a full buffer."""
        if self.ground.arrivals is None:
            return self._infinite
        first = interval - interval % _AHEAD
        if self._bits is None or self._bits[0] != first:
            self._bits = first, self._arrived(self.ground.arrivals, first)
        return self._bits[1][interval - first]

    def _arrived(self, arrivals: Arrivals, first: int) -> Tensor:
        bits = 8.0 * arrivals.block(first, _AHEAD, self._users).to(torch.float64)
        if self.ground.day is not None:
            time = torch.arange(first, first + _AHEAD, dtype=torch.float64) * self.interval_s
            bits = bits * self.ground.day.at(time)
        return bits.movedim(2, 0).to(self.device, self.dtype).contiguous() + self._infinite
