"""Defines the scenarios of flying base stations, and makes their problems: every second, flight and radio of UAVs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator

from mac.uav import UavContext
from mac.uav.problem import UavParts, UavProblem
from mac.uav.settings import (
    BackhaulSettings,
    FlightArea,
    RadioSettings,
    RotorSettings,
    TerrestrialSettings,
    UavFleet,
    UavSensingSettings,
)
from mac.uav.terrestrial import Terrestrial
from phy.air_to_ground.settings import AirToGroundSettings
from phy.air_to_ground.shadowing import WAVES
from phy.air_to_ground.tr36777 import require_heights
from phy.random import Drops

from ...errors import ScenarioError
from ..family import Labels
from ..schema import Clock, Model, ScenarioBase, clock, whole
from .start import require_start, start_positions
from .users import GroundGroup, RunLength, ground_users

_WINDOWS = 100  # of a run, where the scenario does not say
_TRIED = 64  # drops whose random starts are tried beforehand
_LINK_BYTES = 60  # of a link during an interval
_SHADOWED_S = 1e-6  # time of a link and interval with shadowing, about
_FIELDS = 12  # arrays of the results per user and window, about


class DaySettings(Model):
    """Sets the time of day, for users whose data change over it."""

    start_hour: float = Field(default=8.0, ge=0, lt=24)
    """Hour of the day at the start of the run, the warm-up included."""
    pace: float = Field(default=1.0, gt=0, le=1e5)
    """How many times as fast as the clock the day passes."""


class UavScenario(ScenarioBase):
    """Compares trajectories and assignments of flying base stations."""

    duration_s: float = Field(default=300.0, gt=0, le=1e6)
    """Recorded time of each drop, after the warm-up."""
    interval_s: float = Field(default=1.0, ge=0.01, le=3600)
    """Time between two decisions."""
    area: FlightArea = Field(default_factory=FlightArea)
    """Where UAVs may fly."""
    uavs: UavFleet = Field(default_factory=UavFleet)
    """The UAVs."""
    rotor: RotorSettings = Field(default_factory=RotorSettings)
    """Power of flight."""
    radio: RadioSettings = Field(default_factory=RadioSettings)
    """Downlink of the UAVs."""
    channel: AirToGroundSettings = Field(default_factory=AirToGroundSettings)
    """Path loss and fading between UAVs and users."""
    sensing: UavSensingSettings = Field(default_factory=UavSensingSettings)
    """What UAVs know of each other and of users."""
    backhaul: BackhaulSettings = Field(default_factory=BackhaulSettings)
    """How much data reaches a UAV."""
    terrestrial: TerrestrialSettings | None = None
    """Base stations on the ground, which interfere and may feed UAVs; null: there are none."""
    day: DaySettings = Field(default_factory=DaySettings)
    """Time of day."""
    user_height_m: float = Field(default=1.5, ge=0, le=1000)
    """Height of the users above ground."""
    users: tuple[GroundGroup, ...] = Field(min_length=1)
    """Groups of ground users."""
    reward: Literal["none", "reference"] = "none"
    """Record the reward of the reference environment: Jain's index times mean over greatest rate, -5 a collision."""

    @field_validator("users")
    @classmethod
    def _groups_differ(cls, groups: Sequence[GroundGroup]) -> Sequence[GroundGroup]:
        names = [group.name for group in groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two groups of users cannot both be called '{twice[0]}'")
        if not any(group.count for group in groups):
            raise ValueError("there are no users: every group's count is 0; set the count of one of them")
        return groups

    @model_validator(mode="after")
    def _points_lie_inside(self) -> UavScenario:
        for number, group in enumerate(self.users):
            for x, y in group.points_m:
                if not (0 <= x <= self.area.x_m and 0 <= y <= self.area.y_m):
                    raise ValueError(
                        f"users.{number}.points_m has the point [{x:g}, {y:g}], outside of the area of "
                        f"{self.area.x_m:g} x {self.area.y_m:g} m (area.x_m, area.y_m)"
                    )
        return self

    @model_validator(mode="after")
    def _uavs_can_start(self) -> UavScenario:
        require_start(self.uavs, self.area)
        return self

    @model_validator(mode="after")
    def _above_users(self) -> UavScenario:
        if self.area.min_height_m <= self.user_height_m:
            raise ValueError(
                f"area.min_height_m is {self.area.min_height_m:g}, but UAVs fly above the users, whose user_height_m "
                f"is {self.user_height_m:g}; raise area.min_height_m"
            )
        return self

    @model_validator(mode="after")
    def _terrestrial_fits(self) -> UavScenario:
        if self.backhaul.model == "terrestrial" and self.terrestrial is None:
            raise ValueError("backhaul.model is 'terrestrial', but there is no terrestrial network; give one or fix it")
        if self.terrestrial is not None:
            try:
                require_heights(self.terrestrial.model, self.area.min_height_m, self.area.max_height_m)
            except ValueError as error:
                raise ValueError(f"area: {error}; set area.min_height_m and area.max_height_m") from None
        return self

    @property
    def count(self) -> int:
        """Counts the users."""
        return sum(group.count for group in self.users)


def clock_of(scenario: UavScenario) -> Clock:
    """Counts the intervals of a run and of a window."""
    intervals = whole(scenario.duration_s, scenario.interval_s, "duration_s", "decision intervals")
    if scenario.window_s is None:
        window = max(1, intervals // _WINDOWS)
        warmup = (
            whole(scenario.warmup_s, scenario.interval_s, "warmup_s", "decision intervals") if scenario.warmup_s else 0
        )
        return Clock(scenario.interval_s, warmup, intervals // window * window, window)
    return clock(scenario, scenario.interval_s, scenario.window_s)


def check(scenario: UavScenario) -> None:
    """Reads the files that the scenario names, and draws the starts of some drops.

    Raises:
        ScenarioError: a file of tracks or traces cannot be used, or no start outside of the no-fly zones was found.
    """
    try:
        start_positions(scenario.uavs, scenario.area, Drops(scenario.seed, tuple(range(min(scenario.drops, _TRIED)))))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: {error}") from None
    for number, group in enumerate(scenario.users):
        try:
            ground_users(
                [group], Drops(scenario.seed, (0,)), _extent(scenario), _length(scenario), scenario.user_height_m
            )
        except ValueError as error:
            where = f"{scenario.name}: users.{number} of group '{group.name}'"
            raise ScenarioError(f"{where}: {error}") from None


def build(scenario: UavScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> UavProblem:
    """Builds the problem of a batch of drops."""
    terrestrial = None
    if scenario.terrestrial is not None:
        keys = drops.keys("uav/terrestrial").to(device)
        terrestrial = Terrestrial(scenario.terrestrial, scenario.radio, _extent(scenario), keys)
    length = _length(scenario)
    return UavProblem(
        UavParts(
            drops=drops,
            area=scenario.area,
            fleet=scenario.uavs,
            start_m=start_positions(scenario.uavs, scenario.area, drops),
            rotor=scenario.rotor,
            radio=scenario.radio,
            channel=scenario.channel,
            sensing=scenario.sensing,
            backhaul=scenario.backhaul,
            terrestrial=terrestrial,
            ground=ground_users(scenario.users, drops, _extent(scenario), length, scenario.user_height_m),
            interval_s=scenario.interval_s,
            intervals=length.intervals - 1,
            mend=scenario.on_infeasible == "repair",
            reference_reward=scenario.reward == "reference",
            device=device,
            dtype=dtype,
        )
    )


def context(scenario: UavScenario) -> UavContext:
    """Makes what an allocator is reset with for one drop."""
    one: UavContext = build(scenario, Drops(scenario.seed, (0,)), torch.device("cpu"), torch.float32).context
    return one


def labels(scenario: UavScenario, problem: UavProblem) -> Labels:
    """Makes the coordinates and attributes of the results."""
    present = [group for group in scenario.users if group.count]
    counts = [group.count for group in present]
    slas = [group.sla for group in present]
    per_group: Mapping[str, Sequence[Any]] = {
        "group": [group.name for group in present],
        "full_buffer": [group.traffic.full_buffer for group in present],
        "sla_rate_bps": [_or_nan(sla.rate_bps) for sla in slas],
        "sla_desired_bps": [_or_nan(sla.desired_rate_bps) for sla in slas],
    }
    coordinates: dict[str, tuple[tuple[str, ...], Any]] = {
        name: (("user",), np.repeat(np.array(values), counts)) for name, values in per_group.items()
    }
    coordinates["user"] = (("user",), np.arange(scenario.count))
    coordinates["uav"] = (("uav",), np.arange(scenario.uavs.count))
    coordinates["axis"] = (("axis",), np.array(["x", "y", "z"]))
    coordinates["plane"] = (("plane",), np.array(["x", "y"]))
    coordinates["start_m"] = (("drop", "uav", "axis"), problem.parts.start_m.cpu().numpy())
    attributes: dict[str, str | int | float] = {
        "interval_s": scenario.interval_s,
        "x_m": scenario.area.x_m,
        "y_m": scenario.area.y_m,
        "no_fly_m": ";".join(",".join(f"{value:g}" for value in zone) for zone in scenario.area.no_fly_m),
        "warmup_s": scenario.warmup_s,
    }
    if scenario.on_infeasible == "repair":
        attributes["mends"] = 1  # only then does a count of repairs mean anything
    return Labels(coordinates, attributes)


def estimate_bytes(scenario: UavScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    times = clock_of(scenario)
    links = scenario.uavs.count * scenario.count
    per_user = 8 * _FIELDS * (times.intervals // times.window) + 64 * 24
    samples = 16 * scenario.channel.samples if scenario.channel.fading == "sampled" else 0
    waves = 2 * WAVES * 16 * (scenario.uavs.count + scenario.count) if scenario.channel.shadowed else 0
    return drops * (links * (_LINK_BYTES + samples) + scenario.count * per_user + waves)


def estimate_seconds(scenario: UavScenario, drops: int) -> float:
    """Estimates the time of one allocator and batch."""
    times = clock_of(scenario)
    links = scenario.uavs.count * scenario.count
    per_link = _SHADOWED_S if scenario.channel.shadowed else 4e-8
    return (times.intervals + times.warmup) * (8e-4 + drops * links * per_link)


def best_batch(scenario: UavScenario, device: str) -> int:
    """Chooses how many drops are simulated side by side."""
    links = scenario.uavs.count * scenario.count
    return max(1, min(256, 40_000 // links)) if device == "cpu" else max(1, min(4096, 20_000_000 // links))


def account(scenario: UavScenario) -> list[tuple[str, str]]:
    """Describes what results are counted with, as (what, how much)."""
    channel, radio = scenario.channel, scenario.radio
    average = {"loss": "mean of losses in dB", "gain": "mean of gains"}[channel.average]
    if channel.form == "as_published":
        average = "as published: elevation in radians, 10^(eta/20)"
    fading = {
        "average": f"Rician, K {channel.k_horizon_db:g} to {channel.k_zenith_db:g} dB, rates averaged",
        "sampled": f"Rician, {channel.samples} samples of a link and interval",
        "none": "none",
    }[channel.fading]
    shadowing = "none"
    if channel.shadowed:
        shadowing = (f"{channel.shadowing_los_db:g} dB with line of sight, {channel.shadowing_nlos_db:g} dB without, "
                     f"decorrelation {channel.decorrelation_m:g} m (ours)")  # fmt: skip
    return [
        ("path loss", f"line of sight by elevation, {channel.environment.replace('_', ' ')}, {average}"),
        ("fading", fading),
        ("shadowing", shadowing),
        ("band", f"{radio.bandwidth_hz / 1e6:g} MHz at {radio.carrier_hz / 1e9:g} GHz, one band for all UAVs, "
         f"{radio.power_dbm:g} dBm each"),
        ("propulsion", f"rotary wing, climbing costs {scenario.rotor.weight_n:g} N times the climb (ours)"),
    ]  # fmt: skip


def _length(scenario: UavScenario) -> RunLength:
    """Counts the intervals of a run and one more, whose start is observed at the end."""
    times = clock_of(scenario)
    return RunLength(
        intervals=times.warmup + times.intervals + 1,
        interval_s=scenario.interval_s,
        start_hour=scenario.day.start_hour,
        pace=scenario.day.pace,
    )


def _extent(scenario: UavScenario) -> tuple[float, float]:
    return scenario.area.x_m, scenario.area.y_m


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
