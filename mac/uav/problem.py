"""Runs an interval of flying base stations: radio at the positions of its start, then flight, batteries and data.

The channel of an interval is that at its start, which the allocator observes; the velocity that it decides moves the
UAVs for the next interval. B drops, V UAVs, U users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.air_to_ground.settings import AirToGroundSettings
from phy.random import Drops, normal

from ..core.contracts import Field, Outcome
from .feasible import repair_uav, require_uav
from .ground import GroundPlan, GroundUsers
from .kinematics import Flight, FlightLimits, closest_approach_m, fly
from .propulsion import flight_power_w
from .radio import (
    Air,
    Draws,
    Serving,
    associate,
    measure_air,
    sampled_efficiency,
    serving_sinr,
    spectral_efficiency,
)
from .reference_reward import reference_reward
from .settings import BackhaulSettings, FlightArea, RadioSettings, RotorSettings, SensingSettings, UavFleet
from .sharing import served_count, shares
from .terrestrial import Terrestrial
from .types import UavContext, UavDecision, UavObservation

FIELDS: Mapping[str, Field] = {
    "flight_j": Field(("uav",), "J", "sum", "energy of propulsion"),
    "radio_j": Field(("uav",), "J", "sum", "energy of the transmitters"),
    "battery_j": Field(("uav",), "J", "last", "charge at the window's end"),
    "collisions": Field((), "1", "sum", "pairs of UAVs that came too near to each other, summed over intervals"),
    "held": Field((), "1", "sum", "UAVs whose velocity the fence or a no-fly zone changed, summed over intervals"),
    "covered": Field(("user",), "1", "sum", "intervals in which the user had at least the SINR of coverage"),
    "first_service_s": Field(("user",), "s", "last", "when the user first got data; inf before"),
    "backlog_bits": Field(("user",), "bit", "last", "bits that wait at the window's end"),
    "uav_m": Field(("uav", "axis"), "m", "last", "position at the window's end"),
    "user_m": Field(("user", "plane"), "m", "last", "position at the window's end"),
    "serving_uav": Field(("user",), "1", "last", "serving UAV in the window's last interval; -1: none"),
    "repairs": Field((), "1", "sum", "values of decisions that were repaired"),
}
REFERENCE_FIELDS: Mapping[str, Field] = {
    "reference_reward": Field(("uav",), "1", "sum", "reward of the reference environment, summed over intervals"),
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
    sensing: SensingSettings
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
class UavState:
    """Holds a batch of drops at the start of an interval."""

    interval: int
    position_m: Tensor  # [B, V, 3]
    velocity_mps: Tensor  # [B, V, 3]
    battery_j: Tensor  # [B, V] float64
    active: Tensor  # [B, V] bool
    air: Air
    arrived_bits: Tensor  # [B, U] at the start of this interval
    waiting_bits: Tensor  # [B, U] those included
    rate_bps: Tensor  # [B, U] of the last interval
    mean_rate_bps: Tensor  # [B, U]
    first_service_s: Tensor  # [B, U]
    observation: UavObservation


@dataclass(frozen=True)
class _Service:
    """Holds what users got in an interval."""

    link: Serving
    served_bits: Tensor  # [B, U]
    covered: Tensor  # [B, U] bool


class UavProblem:
    """Runs a batch of drops, with one decision an interval."""

    def __init__(self, parts: UavParts) -> None:
        self.parts = parts
        self.drops = parts.drops
        device, dtype = parts.device, parts.dtype
        self.ground = GroundPlan(parts.ground, parts.interval_s, device, dtype)
        area, fleet = parts.area, parts.fleet
        self.limits = FlightLimits(
            torch.tensor([0.0, 0.0, area.min_height_m], dtype=dtype, device=device),
            torch.tensor([area.x_m, area.y_m, area.max_height_m], dtype=dtype, device=device),
            area.no_fly_m,
            fleet.acceleration_mps2,
            parts.interval_s,
        )
        users = parts.ground.start_m.shape[1]
        self.context = UavContext(
            drops=parts.drops,
            uavs=fleet.count,
            users=users,
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
            device=device,
            dtype=dtype,
        )
        self._start_m = parts.start_m.to(device, dtype)
        pairs = torch.combinations(torch.arange(fleet.count), 2).to(device)
        self._one, self._other = pairs[:, 0], pairs[:, 1]
        self._fading = parts.drops.keys("uav/fading").to(device)
        error = normal(parts.drops.keys("uav/position"), (users, 2)) * parts.sensing.position_error_m
        self._error_m = error.to(device, dtype) if parts.sensing.position_error_m else None
        self._keep = max(0.0, 1.0 - parts.interval_s / parts.radio.memory_s)

    @property
    def interval_s(self) -> float:
        """Returns the time between two decisions in s."""
        return self.parts.interval_s

    @property
    def fields(self) -> Mapping[str, Field]:
        """Returns the descriptions of the outcome's extras."""
        return {**FIELDS, **REFERENCE_FIELDS} if self.parts.reference_reward else FIELDS

    def start(self) -> UavState:
        """Returns the state of interval 0: UAVs stand in the air with full batteries."""
        shape = (len(self.drops), self.context.users)
        battery = torch.full(self._start_m.shape[:2], self.parts.fleet.battery_j, dtype=torch.float64)
        nothing = torch.zeros(shape, dtype=self.parts.dtype, device=self.parts.device)
        flight = Flight(self._start_m, torch.zeros_like(self._start_m), self._start_m, nothing)
        never = torch.full_like(nothing, torch.inf)
        return self._observed(0, flight, battery.to(self.parts.device), (nothing, nothing, nothing, never))

    def observe(self, state: UavState, /) -> UavObservation:
        """Returns what UAVs and their controller know at the start of the interval."""
        return state.observation

    def step(self, state: UavState, decision: UavDecision, /) -> tuple[UavState, Outcome]:
        """Checks the decision and runs an interval.

        Raises:
            InfeasibleDecision: a velocity, power, serving UAV or share that is not allowed.
        """
        repairs = None
        if self.parts.mend:
            decision, repairs = repair_uav(decision, state.observation, self.context)
        else:
            decision = require_uav(decision, state.observation, self.context)
        service = self._serve(state, decision)
        flight = self._fly(state, decision)
        flight_j, radio_j = self._energies(state, service.link, flight)
        battery = (state.battery_j - flight_j - radio_j).clamp(min=0.0)
        ahead = self._observed(state.interval + 1, flight, battery, self._after(state, service))
        return ahead, self._outcome(state, ahead, service, (flight, flight_j, radio_j, repairs))

    def _serve(self, state: UavState, decision: UavDecision) -> _Service:
        """Computes SINRs, rates and bits of the interval."""
        parts, air = self.parts, state.air
        wants = state.waiting_bits > 0
        if decision.power_w is None:
            power = state.active.to(parts.dtype)
        else:
            power = decision.power_w * (state.active * (1.0 / self.context.power_w))
        uav = decision.serving
        if uav is None:
            uav = associate(parts.radio, air, power, state.active, wants)
        served = uav >= 0
        if parts.radio.coverage_radius_m is not None and decision.serving is not None:
            near = air.squared_m2.gather(1, uav.clamp(min=0)[:, None])[:, 0] <= parts.radio.coverage_radius_m**2
            served = served & near
        link = Serving(uav.clamp(min=0), served & wants, power)
        if decision.share is None:
            used = (served_count(link, self.context.uavs) > 0).to(parts.dtype)
        else:
            used = decision.share.sum(-1)
        sinr = torch.where(served, serving_sinr(air, link, used, state.observation.noise_rise), 0.0)
        bits = self._rates(state, decision, link, sinr) * parts.interval_s
        bits = torch.minimum(self._through_backhaul(state, link, bits), state.waiting_bits)
        return _Service(link, bits, served & (sinr >= 10.0 ** (parts.radio.covered_sinr_db / 10.0)))

    def _rates(self, state: UavState, decision: UavDecision, link: Serving, sinr: Tensor) -> Tensor:
        """Computes the rates of users in bit/s, ``[B, U]``."""
        radio, channel = self.parts.radio, self.parts.channel
        if channel.fading == "sampled":
            efficiency = sampled_efficiency(channel, state.air, link, sinr, Draws(self._fading, state.interval))
        else:
            elevation = state.air.elevation_rad.gather(1, link.uav[:, None])[:, 0]
            efficiency = spectral_efficiency(channel, elevation, sinr)
        if decision.share is not None:
            share = torch.where(link.served, decision.share.gather(1, link.uav[:, None])[:, 0], 0.0)
        else:
            past = state.mean_rate_bps * self._keep
            share = shares(radio.sharing, link, efficiency, past, (1.0 - self._keep) * radio.bandwidth_hz)
        return share * efficiency * radio.bandwidth_hz

    def _through_backhaul(self, state: UavState, link: Serving, bits: Tensor) -> Tensor:
        """Scales the bits of a UAV down to what reaches it, ``[B, U]``."""
        backhaul = self.parts.backhaul
        if backhaul.model == "none":
            return bits
        wanted = torch.minimum(bits, state.waiting_bits)
        total = wanted.new_zeros(link.power.shape).scatter_add_(1, link.uav, wanted)
        if backhaul.model == "fixed":
            limit = torch.full_like(total, backhaul.limit_bps * self.parts.interval_s)
        else:
            assert self.parts.terrestrial is not None
            limit = self.parts.terrestrial.backhaul_bps(state.position_m, backhaul.bandwidth_hz) * self.parts.interval_s
        return wanted * (limit / torch.maximum(total, limit).clamp(min=1e-30)).gather(1, link.uav)

    def _fly(self, state: UavState, decision: UavDecision) -> Flight:
        flight = fly(self.limits, state.position_m, state.velocity_mps, decision.velocity_mps)
        active = state.active[..., None]
        return Flight(
            torch.where(active, flight.position_m, state.position_m),
            flight.velocity_mps * active,
            flight.mean_mps * active,
            flight.held & state.active,
        )

    def _energies(self, state: UavState, link: Serving, flight: Flight) -> tuple[Tensor, Tensor]:
        """Computes the energies of propulsion and of the transmitters, float64 ``[B, V]``, at most the charge."""
        parts = self.parts
        propulsion = flight_power_w(parts.rotor, flight.mean_mps).to(torch.float64) * parts.interval_s
        sends = served_count(link, self.context.uavs) > 0
        radiated = (link.power * sends).to(torch.float64) * self.context.power_w
        radio_j = radiated * (parts.interval_s / parts.radio.efficiency)
        radio_j = torch.minimum(radio_j, state.battery_j)
        flight_j = torch.minimum(propulsion * state.active, state.battery_j - radio_j)
        return flight_j, radio_j

    def _after(self, state: UavState, service: _Service) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bits that still wait, rates, mean rates, and first service after the interval, ``[B, U]`` each."""
        served = service.served_bits
        rate = served / self.parts.interval_s
        mean = state.mean_rate_bps * self._keep + rate * (1.0 - self._keep)
        now = (state.interval + 1) * self.parts.interval_s
        first = torch.where(served > 0, state.first_service_s.clamp(max=now), state.first_service_s)
        return state.waiting_bits - served, rate, mean, first

    def _observed(
        self, interval: int, flight: Flight, battery: Tensor, after: tuple[Tensor, Tensor, Tensor, Tensor]
    ) -> UavState:
        """Makes the state of an interval from what the one before left."""
        left, rate, mean, first = after
        active = battery > 0
        arrived = self.ground.arrived_bits(interval)
        user_m = self.ground.position_m(interval)
        air = measure_air(self.context, flight.position_m, user_m)
        waiting = left + arrived
        motion = (flight.position_m, flight.velocity_mps)
        told = self._told(interval, motion, (battery, active), (air, user_m), (waiting, rate, mean))
        return UavState(interval, *motion, battery, active, air, arrived, waiting, rate, mean, first, told)

    def _told(
        self,
        interval: int,
        motion: tuple[Tensor, Tensor],
        power: tuple[Tensor, Tensor],
        ground: tuple[Air, Tensor],
        data: tuple[Tensor, Tensor, Tensor],
    ) -> UavObservation:
        """Makes the observation: what is in range, heard and reported."""
        (air, user_m), sensing, active = ground, self.parts.sensing, power[1]
        snr = air.snr
        if not bool(active.all()):
            snr = snr * active[..., None]
        if sensing.heard_snr_db is not None:
            snr = torch.where(snr >= 10.0 ** (sensing.heard_snr_db / 10.0), snr, 0.0)
        known = (snr > 0).any(1) if sensing.positions == "heard" else torch.ones_like(data[0], dtype=torch.bool)
        place = user_m if self._error_m is None else user_m + self._error_m
        if sensing.positions == "heard":
            place = torch.where(known[..., None], place, 0.5 * self.limits.high_m[:2])
        return UavObservation(
            interval, *motion, *power, self._neighbours(motion[0], active), snr, self._noise_rise(user_m), place, known,
            *data,
        )  # fmt: skip

    def _neighbours(self, position: Tensor, active: Tensor) -> Tensor:
        pair = active[:, :, None] & active[:, None]
        reach = self.parts.sensing.neighbour_range_m
        if reach is not None:
            apart = (position[:, :, None] - position[:, None]).square().sum(-1)
            pair = pair & (apart <= reach**2)
        return pair & ~torch.eye(self.context.uavs, dtype=torch.bool, device=position.device)

    def _noise_rise(self, user_m: Tensor) -> Tensor:
        if self.parts.terrestrial is None:
            return user_m.new_ones(user_m.shape[:2])
        return self.parts.terrestrial.noise_rise(user_m, self.context)

    def _outcome(
        self, state: UavState, ahead: UavState, service: _Service, spent: tuple[Flight, Tensor, Tensor, Tensor | None]
    ) -> Outcome:
        flight, flight_j, radio_j, repairs = spent
        dtype, served = self.parts.dtype, service.served_bits
        near = (
            closest_approach_m(state.position_m, ahead.position_m, self._one, self._other)
            < self.parts.fleet.collision_m
        )
        near = near & state.active[:, self._one] & state.active[:, self._other]
        nothing = torch.zeros_like(served)
        extras = {
            "flight_j": flight_j,
            "radio_j": radio_j,
            "battery_j": ahead.battery_j,
            "collisions": near.sum(1).to(dtype),
            "held": flight.held.sum(1).to(dtype),
            "covered": service.covered.to(dtype),
            "first_service_s": ahead.first_service_s,
            "backlog_bits": torch.where(torch.isinf(ahead.waiting_bits), 0.0, ahead.waiting_bits),
            "uav_m": ahead.position_m,
            "user_m": self.ground.position_m(state.interval),
            "serving_uav": torch.where(service.link.served, service.link.uav, -1),
            "repairs": nothing[:, 0] if repairs is None else repairs,
        }
        if self.parts.reference_reward:
            pairs = (self._one, self._other)
            extras["reference_reward"] = reference_reward(served, service.link, near, pairs)
        demand = torch.where(torch.isinf(state.arrived_bits), served, state.arrived_bits)
        energy = (flight_j + radio_j).sum(1)
        return Outcome(served, demand, nothing, nothing, energy, extras, over=not bool(ahead.active.any()))
