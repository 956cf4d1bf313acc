"""Declares what an allocator of flying base stations is given at ``reset``, observes in each interval, and decides.

B drops, V UAVs, U ground users. The area is the rectangle from (0, 0) to ``area_m``; z is the height above ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.air_to_ground.settings import AirToGroundSettings
from phy.random import Drops

from .settings import RadioSettings

UNSERVED = -1
"""Serving UAV of a user that none serves."""


@dataclass(frozen=True)
class UavContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    uavs: int
    users: int
    area_m: tuple[float, float]  # extent in x and y
    height_m: tuple[float, float]  # least and greatest height of flight
    no_fly_m: tuple[tuple[float, float, float, float], ...]  # rectangles: least x, least y, greatest x, greatest y
    speed_mps: float  # greatest horizontal speed
    climb_mps: float  # greatest speed up and down
    acceleration_mps2: float | None  # greatest along each axis; None: velocities change at once
    collision_m: float  # two UAVs nearer than this collide
    radio: RadioSettings
    channel: AirToGroundSettings
    user_height_m: float
    battery_j: float  # at the start
    interval_s: float
    intervals: int  # of the run, the warm-up included
    device: torch.device
    dtype: torch.dtype  # of positions, velocities, SNRs, powers and shares

    @property
    def power_w(self) -> float:
        """Returns the greatest transmit power of a UAV in W."""
        return self.radio.power_w


@dataclass(frozen=True)
class UavObservation:
    """Holds what UAVs and their controller know at the start of an interval.

    The channel of the interval is that of the positions observed; the flight changes that of the next one.
    """

    interval: int  # from 0, the warm-up included
    position_m: Tensor  # [B, V, 3] of the UAVs
    velocity_mps: Tensor  # [B, V, 3]
    battery_j: Tensor  # [B, V] float64, what is left
    active: Tensor  # [B, V] bool, in service; False once the battery is empty
    neighbour: Tensor  # [B, V, V] bool, pairs of UAVs in service that hear each other; not itself
    snr: Tensor  # [B, V, U] mean SNR at full power over the whole band, linear; 0 where not heard or not in service
    noise_rise: Tensor  # [B, U] noise and terrestrial interference over noise, linear, at least 1
    user_m: Tensor  # [B, U, 2] reported position; the centre of the area where it is not known
    known: Tensor  # [B, U] bool, whether the position is known
    waiting_bits: Tensor  # [B, U] bits that wait, those that have just arrived included; inf with a full buffer
    rate_bps: Tensor  # [B, U] delivered in the last interval
    mean_rate_bps: Tensor  # [B, U] exponential mean of that over radio.memory_s


@dataclass(frozen=True)
class UavDecision:
    """Holds what UAVs do until the next decision. A part that is None follows the rule of the scenario."""

    velocity_mps: Tensor  # [B, V, 3] to which each UAV accelerates
    power_w: Tensor | None = None  # [B, V] radiated over the whole band; None: the greatest
    serving: Tensor | None = None  # [B, U] int64, a UAV or UNSERVED; None: the strongest, see radio.association
    share: Tensor | None = None  # [B, V, U] of each UAV's band, 0 for users that it does not serve; None: radio.sharing
