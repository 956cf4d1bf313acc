"""Defines the difficult runs on which the contract check tries allocators of flying base stations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.uav import UavContext, UavDecision, UavObservation
from mac.uav.feasible import require_uav
from mac.uav.radio import measure_mean_links
from mac.uav.settings import RadioSettings
from phy.air_to_ground.settings import AirToGroundSettings
from phy.random import Drops

from ..contract.cases import Case, CaseRandom, FamilyCheck


@dataclass(frozen=True)
class Flights:
    """Describes a short run whose UAVs move at random whatever is decided."""

    name: str
    uavs: int = 3
    users: int = 12
    extent_m: float = 1000.0
    intervals: int = 6
    one_place: bool = False  # all users at one place
    together: bool = False  # all UAVs at one place
    silent: float = 0.0  # probability that a user has nothing to send
    unknown: float = 0.0  # probability that a user's position is not known, and that it is not heard
    landing: float = 0.0  # probability that a UAV goes out of service in an interval
    full: bool = False  # users always have data
    acceleration_mps2: float | None = 5.0
    max_users: int | None = None
    no_fly_m: tuple[tuple[float, float, float, float], ...] = ()

    def play(self, drops: Drops) -> tuple[UavContext, list[UavObservation]]:
        """Draws the context and the observations."""
        luck = CaseRandom(drops, self.name)
        context = UavContext(
            drops=drops,
            uavs=self.uavs,
            users=self.users,
            area_m=(self.extent_m, self.extent_m),
            height_m=(50.0, 150.0),
            no_fly_m=self.no_fly_m,
            speed_mps=20.0,
            climb_mps=5.0,
            acceleration_mps2=self.acceleration_mps2,
            collision_m=5.0,
            radio=RadioSettings(max_users=self.max_users),
            channel=AirToGroundSettings(),
            user_height_m=1.5,
            battery_j=1e5,
            interval_s=1.0,
            intervals=self.intervals,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        return context, list(self._intervals(context, luck))

    def _intervals(self, context: UavContext, luck: CaseRandom) -> list[UavObservation]:
        seen = []
        place = luck("place", self.users, 2) * self.extent_m
        place = place[:, :1].expand(-1, self.users, -1) if self.one_place else place
        place = place.to(context.dtype).clone()
        active = torch.ones((len(place), self.uavs), dtype=torch.bool)
        for number in range(self.intervals):
            seen.append(self._observed(context, luck, number, (place, active)))
            active = active & (luck("landing", self.uavs, interval=number) >= self.landing)
        return seen

    def _observed(
        self, context: UavContext, luck: CaseRandom, number: int, given: tuple[Tensor, Tensor]
    ) -> UavObservation:
        place, active = given
        low = torch.tensor([0.0, 0.0, 50.0])
        span = torch.tensor([self.extent_m, self.extent_m, 100.0])
        uav = low + luck("uav", self.uavs, 3, interval=number).to(context.dtype) * span
        uav = uav[:, :1].expand(-1, self.uavs, -1).clone() if self.together else uav
        known = luck("unknown", self.users, interval=number) >= self.unknown
        snr = measure_mean_links(context, uav, place).snr * active[..., None] * known[:, None]
        quiet = luck("silent", self.users, interval=number) < self.silent
        waiting = torch.where(quiet, 0.0, torch.inf if self.full else 1e6 * luck("bits", self.users, interval=number))
        rate = luck("rate", self.users, interval=number).to(context.dtype) * 1e6
        other = ~torch.eye(self.uavs, dtype=torch.bool)
        return UavObservation(
            interval=number,
            position_m=uav,
            velocity_mps=(luck("velocity", self.uavs, 3, interval=number).to(context.dtype) - 0.5) * 8.0,
            battery_j=1e5 * luck("battery", self.uavs, interval=number) * active,
            active=active,
            neighbour=active[:, :, None] & active[:, None] & other,
            snr=snr,
            noise_rise=torch.ones_like(rate),
            user_m=torch.where(known[..., None], place, 0.5 * self.extent_m),
            known=known,
            waiting_bits=waiting.to(context.dtype),
            rate_bps=rate,
            mean_rate_bps=rate.flip(1),
        )


CASES = (
    Flights("one UAV and one user", uavs=1, users=1),
    Flights("one UAV and many users", uavs=1, users=40),
    Flights("more UAVs than users", uavs=5, users=2),
    Flights("all users at one place", one_place=True),
    Flights("all UAVs at one place", together=True),
    Flights("no user wants anything", silent=1.0),
    Flights("some users want nothing", silent=0.5),
    Flights("no user is known", unknown=1.0),
    Flights("some users are not known", unknown=0.5),
    Flights("UAVs go out of service", uavs=4, landing=0.5, intervals=8),
    Flights("no UAV is left", landing=1.0),
    Flights("velocities change at once", acceleration_mps2=None),
    Flights("few users a UAV", max_users=2),
    Flights("a zone in the middle", no_fly_m=((400.0, 400.0, 600.0, 600.0),)),
    Flights("full buffers", full=True, users=30, intervals=12),
)
CHECK = FamilyCheck(
    observation=UavObservation,
    decision=UavDecision,
    require=require_uav,
    cases=tuple(Case(case.name, case.play) for case in CASES),
)
