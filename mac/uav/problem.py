"""Runs an interval of flying base stations: radio at the positions of its start, then flight, batteries and data.

The channel of an interval is that at its start, which the allocator observes; the velocity that it decides moves the
UAVs for the next interval. B drops, V UAVs, U users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phy.air_to_ground.settings import AirToGroundSettings
from phy.air_to_ground.shadowing import draw_shadowing
from phy.numerics.jit import backend_name
from phy.random import Drops, normal

from ..core.contracts import ArraySpec, Extra, Outcome
from .feasible import repair_uav, require_uav
from .flight import FlightResult, Motion, fly_interval, pairs_of
from .ground import GroundPlan, GroundUsers
from .kinematics import FlightLimits
from .radio import Downlink, Draws, Service, associate, measure_mean_links, serve, shadowing_gain, within_radius
from .reference_reward import reference_reward
from .settings import BackhaulSettings, FlightArea, RadioSettings, RotorSettings, UavFleet, UavSensingSettings
from .sharing import kept_share
from .terrestrial import Terrestrial
from .types import UNSERVED, UavContext, UavDecision, UavObservation

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "flight_j": ArraySpec(("uav",), "J", "sum", "energy of propulsion"),
    "radio_j": ArraySpec(("uav",), "J", "sum", "energy of the transmitters"),
    "battery_j": ArraySpec(("uav",), "J", "last", "charge at the window's end"),
    "collisions": ArraySpec((), "1", "sum", "pairs of UAVs that came too near to each other, summed over intervals"),
    "held": ArraySpec((), "1", "sum", "UAVs whose velocity the fence or a no-fly zone changed, summed over intervals"),
    "covered": ArraySpec(("user",), "1", "sum", "intervals in which the user had at least the SINR of coverage"),
    "first_service_s": ArraySpec(("user",), "s", "last", "when the user first got data; inf before"),
    "backlog_bits": ArraySpec(("user",), "bit", "last", "bits that wait at the window's end"),
    "uav_m": ArraySpec(("uav", "axis"), "m", "last", "position at the window's end"),
    "user_m": ArraySpec(("user", "plane"), "m", "last", "position at the window's end"),
    "serving_uav": ArraySpec(("user",), "1", "last", "serving UAV in the window's last interval; -1: none"),
    "repairs": ArraySpec((), "1", "sum", "values of decisions that were repaired"),
}
TERRESTRIAL_ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "site_rise_db": ArraySpec((), "dB", "sum", "noise rise by UAVs at base stations, mean over these, summed"),
}
REFERENCE_ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "reference_reward": ArraySpec(("uav",), "1", "sum", "reward of the reference environment, summed over intervals"),
}


@dataclass(frozen=True)
class UavParts:
    """Holds what a batch of drops is made of."""

    drops: Drops
    area: FlightArea
    fleet: UavFleet
    start_m: Tensor  # [B, V, 3] float64
    rotor: RotorSettings
    radio: RadioSettings
    channel: AirToGroundSettings
    sensing: UavSensingSettings
    backhaul: BackhaulSettings
    terrestrial: Terrestrial | None
    ground: GroundUsers
    interval_s: float
    intervals: int  # of the run, the warm-up included
    mend: bool  # repair and count decisions that are not allowed
    reference_reward: bool
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class UserData:
    """Holds what users have got and what they want."""

    arrived_bits: Tensor  # [B, U] at the start of this interval
    waiting_bits: Tensor  # [B, U] those included
    rate_bps: Tensor  # [B, U] of the last interval
    mean_rate_bps: Tensor  # [B, U]
    first_service_s: Tensor  # [B, U] inf before


@dataclass(frozen=True)
class UavState:
    """Holds a batch of drops at the start of an interval."""

    interval: int
    motion: Motion
    snr: Tensor  # [B, V, U] mean SNR at full power, whether or not it is heard
    user_m: Tensor  # [B, U, 2]
    data: UserData
    observation: UavObservation


class UavProblem:
    """Runs a batch of drops, with one decision an interval."""

    def __init__(self, parts: UavParts) -> None:
        self.parts, self.drops = parts, parts.drops
        device, dtype = parts.device, parts.dtype
        self.backend = backend_name(device.type) if device.type == "cpu" else "torch"
        self.ground = GroundPlan(parts.ground, parts.interval_s, device, dtype)
        self.limits = flight_limits(parts)
        self.context = uav_context(parts)
        self._start_m = parts.start_m.to(device, dtype)
        self._fading = parts.drops.keys("uav/fading").to(device)
        self._one, self._other = pairs_of(parts.fleet.count, device)
        drops, uavs, users = len(parts.drops), parts.fleet.count, self.context.users
        self._others = ~torch.eye(uavs, dtype=torch.bool, device=device).expand(drops, -1, -1)
        self._all_known = torch.ones((drops, users), dtype=torch.bool, device=device)
        self._nothing = torch.zeros((drops, users), dtype=dtype, device=device)
        self._error_m = self._errors()
        self._quiet = self._nothing + 1.0
        self._shadowing = None
        if parts.channel.shadowed:
            self._shadowing = draw_shadowing(
                parts.drops.keys("uav/shadowing").to(device), parts.channel.decorrelation_m
            )

    @property
    def interval_s(self) -> float:
        """Returns the time between two decisions in s."""
        return self.parts.interval_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the descriptions of the outcome's extras."""
        network = TERRESTRIAL_ARRAY_SPECS if self.parts.terrestrial is not None else {}
        reward = REFERENCE_ARRAY_SPECS if self.parts.reference_reward else {}
        return {**ARRAY_SPECS, **network, **reward}

    def start(self) -> UavState:
        """Returns the state of interval 0: UAVs stand in the air with full batteries."""
        battery = torch.full_like(self._start_m[..., 0], self.parts.fleet.battery_j, dtype=torch.float64)
        never = torch.full_like(self._nothing, torch.inf)
        nothing = self._nothing
        before = UserData(nothing, nothing, nothing, nothing, never)
        return self._observed(0, Motion(self._start_m, torch.zeros_like(self._start_m), battery), before)

    def observe(self, state: UavState, /) -> UavObservation:
        """Returns what UAVs and their controller know at the start of the interval."""
        return state.observation

    def step(self, state: UavState, decision: UavDecision, /) -> tuple[UavState, Outcome]:
        """Checks the decision and runs an interval.

        Raises:
            InfeasibleDecision: a velocity, power, serving UAV or share that is not allowed.
        """
        repairs = self._nothing[:, 0]
        if self.parts.mend:
            decision, repairs = repair_uav(decision, state.observation, self.context)
        else:
            decision = require_uav(decision, state.observation, self.context)
        link = self._downlink(state, decision)
        service = self._serve(link)
        radiated_w = (link.power * service.sends).to(torch.float64) * self.context.power_w
        flown = self._fly(state, decision, radiated_w)
        left = self._after(state, service)
        ahead = self._observed(state.interval + 1, flown.motion, left)
        outcome = self._outcome(state, left, service, (flown, repairs))
        if self.parts.terrestrial is not None:
            rise = self.parts.terrestrial.site_rise_db(state.motion.position_m, radiated_w)
            outcome = replace(outcome, extras={**outcome.extras, "site_rise_db": rise})
        return ahead, outcome

    def _downlink(self, state: UavState, decision: UavDecision) -> Downlink:
        """Describes what UAVs send."""
        data, seen = state.data, state.observation
        power = seen.active.to(self.parts.dtype)
        if decision.power_w is not None:
            power = power * decision.power_w * (1.0 / self.context.power_w)
        serving = decision.serving
        if serving is not None and self.parts.radio.coverage_radius_m is not None:
            near = within_radius(self.context, (state.motion.position_m, state.user_m), serving)
            serving = torch.where(near, serving, UNSERVED)
        return Downlink(
            snr=state.snr,
            uav_m=state.motion.position_m,
            user_m=state.user_m,
            power=power,
            serving=serving,
            share=decision.share,
            waiting_bits=data.waiting_bits,
            noise_rise=seen.noise_rise,
            past_bps=data.mean_rate_bps * kept_share(self.context),
            limit_bits=self._limit_bits(state),
            draws=Draws(self._fading, state.interval),
        )

    def _serve(self, link: Downlink) -> Service:
        if self.backend == "numba" and self.parts.channel.fading != "sampled":
            from . import loops  # numba takes long to import

            if not loops.takes(self.context, link.serving):
                wants = link.waiting_bits > 0
                uav = associate(self.context, link.snr, (link.uav_m, link.user_m), link.power, wants)
                link = replace(link, serving=uav)
            return loops.serve(self.context, link)
        return serve(self.context, link)

    def _limit_bits(self, state: UavState) -> Tensor | None:
        """Computes the bits that reach each UAV, ``[B, V]``; None where there is no limit."""
        backhaul, position = self.parts.backhaul, state.motion.position_m
        if backhaul.model == "none":
            return None
        if backhaul.model == "fixed":
            return torch.full_like(position[..., 0], backhaul.limit_bps * self.parts.interval_s)
        assert self.parts.terrestrial is not None
        return self.parts.terrestrial.backhaul_bps(position, backhaul.bandwidth_hz) * self.parts.interval_s

    def _fly(self, state: UavState, decision: UavDecision, radiated_w: Tensor) -> FlightResult:
        consumed = radiated_w * (1.0 / self.parts.radio.efficiency)
        if self.backend == "numba":
            from . import loops

            return loops.fly_interval(self.limits, self.parts.rotor, state.motion, decision.velocity_mps, consumed)
        return fly_interval(self.limits, self.parts.rotor, state.motion, decision.velocity_mps, consumed)

    def _after(self, state: UavState, service: Service) -> UserData:
        """Makes the data of users after the interval, before new bits arrive."""
        data, keep = state.data, kept_share(self.context)
        rate = service.bits * (1.0 / self.parts.interval_s)
        mean = torch.lerp(rate, data.mean_rate_bps, keep)
        now = (state.interval + 1) * self.parts.interval_s
        first = torch.where(service.bits > 0, data.first_service_s.clamp(max=now), data.first_service_s)
        return UserData(data.arrived_bits, data.waiting_bits - service.bits, rate, mean, first)

    def _observed(self, interval: int, motion: Motion, left: UserData) -> UavState:
        """Makes the state of an interval from what the one before left."""
        arrived, user_m = self.ground.arrived_bits(interval), self.ground.position_m(interval)
        if self.backend == "numba":
            from . import loops

            snr = loops.measure_snr(self.context, motion.position_m, user_m)
        else:
            snr = measure_mean_links(self.context, motion.position_m, user_m).snr
        if self._shadowing is not None:
            snr = snr * shadowing_gain(self.context, self._shadowing, motion.position_m, user_m)
        data = replace(left, arrived_bits=arrived, waiting_bits=left.waiting_bits + arrived)
        return UavState(interval, motion, snr, user_m, data, self._told(interval, motion, data, (snr, user_m)))

    def _told(self, interval: int, motion: Motion, data: UserData, ground: tuple[Tensor, Tensor]) -> UavObservation:
        """Makes the observation: what is in range, heard and reported."""
        (snr, user_m), sensing = ground, self.parts.sensing
        active = motion.battery_j > 0
        flying = bool(active.all())
        if not flying:
            snr = snr * active[..., None]
        if sensing.heard_snr_db is not None:
            snr = torch.where(snr >= 10.0 ** (sensing.heard_snr_db / 10.0), snr, 0.0)
        place, known = user_m if self._error_m is None else user_m + self._error_m, self._all_known
        if sensing.positions == "heard":
            known = (snr > 0).any(1)
            place = torch.where(known[..., None], place, 0.5 * self.limits.high_m[:2])
        return UavObservation(
            interval=interval,
            position_m=motion.position_m,
            velocity_mps=motion.velocity_mps,
            battery_j=motion.battery_j,
            active=active,
            neighbour=self._neighbours(motion.position_m, active, flying),
            snr=snr,
            noise_rise=self._noise_rise(user_m),
            user_m=place,
            known=known,
            waiting_bits=data.waiting_bits,
            rate_bps=data.rate_bps,
            mean_rate_bps=data.mean_rate_bps,
        )

    def _neighbours(self, position: Tensor, active: Tensor, flying: bool) -> Tensor:
        reach, pair = self.parts.sensing.neighbour_range_m, self._others
        if not flying:
            pair = pair & active[:, :, None] & active[:, None]
        if reach is None:
            return pair
        apart = (position[:, :, None] - position[:, None]).square().sum(-1)
        return pair & (apart <= reach**2)

    def _noise_rise(self, user_m: Tensor) -> Tensor:
        terrestrial = self.parts.terrestrial
        return self._quiet if terrestrial is None else terrestrial.noise_rise(user_m, self.context)

    def _errors(self) -> Tensor | None:
        """Draws the error of each user's reported position, ``[B, U, 2]``; None without errors."""
        sigma = self.parts.sensing.position_error_m
        if sigma == 0.0:
            return None
        error = normal(self.drops.keys("uav/position"), (self.context.users, 2)) * sigma
        return error.to(self.parts.device, self.parts.dtype)

    def _outcome(
        self, state: UavState, left: UserData, service: Service, spent: tuple[FlightResult, Tensor]
    ) -> Outcome:
        (flown, repairs), served, waiting = spent, service.bits, left.waiting_bits
        extras: dict[str, Extra] = {
            "flight_j": flown.flight_j,
            "radio_j": flown.radio_j,
            "battery_j": flown.motion.battery_j,
            "collisions": flown.near.sum(1).to(served.dtype),
            "held": flown.held,
            "covered": service.covered,
            "first_service_s": left.first_service_s,
            "backlog_bits": lambda: torch.where(torch.isinf(waiting), 0.0, waiting),
            "uav_m": flown.motion.position_m,
            "user_m": state.user_m,
            "serving_uav": service.uav,
            "repairs": repairs,
        }
        if self.parts.reference_reward:
            extras["reference_reward"] = reference_reward(served, service, flown.near, (self._one, self._other))
        arrived = state.data.arrived_bits
        demand = torch.where(torch.isinf(arrived), served, arrived)
        energy = (flown.flight_j + flown.radio_j).sum(1)
        over = not bool((flown.motion.battery_j > 0).any())
        return Outcome(served, demand, self._nothing, self._nothing, energy, extras, over=over)


def flight_limits(parts: UavParts) -> FlightLimits:
    """Makes the limits of flight in the scenario's dtype."""
    area, fleet = parts.area, parts.fleet
    return FlightLimits(
        torch.tensor([0.0, 0.0, area.min_height_m], dtype=parts.dtype, device=parts.device),
        torch.tensor([area.x_m, area.y_m, area.max_height_m], dtype=parts.dtype, device=parts.device),
        area.no_fly_m,
        fleet.acceleration_mps2,
        parts.interval_s,
        fleet.collision_m,
    )


def uav_context(parts: UavParts) -> UavContext:
    """Makes what allocators are reset with."""
    area, fleet = parts.area, parts.fleet
    return UavContext(
        drops=parts.drops,
        uavs=fleet.count,
        users=parts.ground.start_m.shape[1],
        area_m=(area.x_m, area.y_m),
        height_m=(area.min_height_m, area.max_height_m),
        no_fly_m=area.no_fly_m,
        speed_mps=fleet.speed_mps,
        climb_mps=fleet.climb_mps,
        acceleration_mps2=fleet.acceleration_mps2,
        collision_m=fleet.collision_m,
        radio=parts.radio,
        channel=parts.channel,
        user_height_m=parts.ground.height_m,
        battery_j=fleet.battery_j,
        interval_s=parts.interval_s,
        intervals=parts.intervals,
        device=parts.device,
        dtype=parts.dtype,
    )
