"""Declares the settings of flying base stations: area, UAVs, radio, sensing, backhaul, terrestrial network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from phy.settings import STRICT
from phy.units import dbm_to_w

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, config=STRICT)
class FlightArea:
    """Sets where UAVs may fly: a rectangle from (0, 0), heights, and zones in which no UAV may be."""

    x_m: float = Field(default=1000.0, ge=10, le=100_000)
    """Extent along x."""
    y_m: float = Field(default=1000.0, ge=10, le=100_000)
    """Extent along y."""
    min_height_m: float = Field(default=50.0, gt=0, le=10_000)
    """Least height of flight above ground."""
    max_height_m: float = Field(default=150.0, gt=0, le=10_000)
    """Greatest height of flight above ground."""
    no_fly_m: tuple[Rectangle, ...] = ()
    """Rectangles in which no UAV may be at any height: [least x, least y, greatest x, greatest y] each."""

    @model_validator(mode="after")
    def _check(self) -> FlightArea:
        if self.min_height_m > self.max_height_m:
            raise ValueError(
                f"min_height_m is {self.min_height_m:g}, above max_height_m, which is {self.max_height_m:g}; the least "
                "height cannot exceed the greatest"
            )
        for zone in self.no_fly_m:
            west, south, east, north = zone
            if west >= east or south >= north:
                raise ValueError(
                    f"no_fly_m has the zone {list(zone)}, which holds no point; write [least x, least y, greatest x, "
                    "greatest y]"
                )
            if west <= 0 and south <= 0 and east >= self.x_m and north >= self.y_m:
                raise ValueError(
                    f"no_fly_m has the zone {list(zone)}, which covers the whole area of {self.x_m:g} x "
                    f"{self.y_m:g} m, so that no UAV may be anywhere; make it smaller or the area larger"
                )
        return self


@dataclass(frozen=True, config=STRICT)
class UavFleet:
    """Sets the UAVs: how many, how they move, where they start."""

    count: int = Field(default=4, ge=1, le=1000)
    """Number of UAVs."""
    speed_mps: float = Field(default=20.0, gt=0, le=200)
    """Greatest horizontal speed."""
    climb_mps: float = Field(default=5.0, ge=0, le=100)
    """Greatest speed up and down."""
    acceleration_mps2: float | None = Field(default=5.0, gt=0, le=1000)
    """Greatest acceleration along each axis; null: velocities change at once."""
    collision_m: float = Field(default=5.0, ge=0, le=1000)
    """Two UAVs that come nearer than this collide; collisions are counted."""
    start: Literal["grid", "corner", "random"] = "grid"
    """Where UAVs start where start_m is left out: evenly spread, side by side at the corner (0, 0), or at random."""
    start_m: tuple[tuple[float, float, float], ...] | None = None
    """Start of each UAV: [x, y, height]."""
    start_height_m: float | None = Field(default=None, gt=0)
    """Height at the start where start_m is left out; null: the middle of the allowed heights."""
    battery_j: float = Field(default=360e3, gt=0, le=1e12)
    """Charge at the start; a UAV whose battery is empty is out of service and lands."""


@dataclass(frozen=True, config=STRICT)
class RotorSettings:
    """Sets the power of a rotary wing.

    Source: Zeng, Xu, Zhang, "Energy minimization for wireless communication with rotary-wing UAV", IEEE Trans. Wireless
    Commun. 18(4), 2019, Table I.
    """

    blade_w: float = Field(default=79.86, ge=0, le=1e6)
    """Blade profile power in hover, P0."""
    induced_w: float = Field(default=88.63, ge=0, le=1e6)
    """Induced power in hover, Pi."""
    tip_mps: float = Field(default=120.0, gt=0, le=1e4)
    """Tip speed of the blade, Utip."""
    induced_mps: float = Field(default=4.03, gt=0, le=1e3)
    """Mean induced velocity in hover, v0."""
    drag_ratio: float = Field(default=0.6, ge=0, le=100)
    """Fuselage drag ratio, d0."""
    air_kg_m3: float = Field(default=1.225, ge=0, le=100)
    """Density of air, rho."""
    solidity: float = Field(default=0.05, ge=0, le=1)
    """Rotor solidity, s."""
    disc_m2: float = Field(default=0.503, ge=0, le=1000)
    """Area of the rotor disc, A."""
    weight_n: float = Field(default=20.0, ge=0, le=1e6)
    """Weight that is lifted while climbing (ours: the published formula has no climb); 0: climbing costs nothing."""


@dataclass(frozen=True, config=STRICT)
class RadioSettings:
    """Sets the downlink of the UAVs, which all use one band."""

    carrier_hz: float = Field(default=2e9, ge=1e8, le=1e11)
    """Carrier frequency."""
    bandwidth_hz: float = Field(default=10e6, ge=1e3, le=1e10)
    """Bandwidth of each UAV; all use the same band."""
    power_dbm: float = Field(default=30.0, ge=-30, le=60)
    """Greatest transmit power of a UAV, spread evenly over the band."""
    efficiency: float = Field(default=0.4, gt=0, le=1)
    """Radiated over consumed power of the transmitter."""
    noise_dbm_per_hz: float = Field(default=-167.0, ge=-200, le=-100)
    """Noise density at a user: -174 dBm/Hz and a noise figure of 7 dB."""
    association: Literal["strongest", "nearest"] = "strongest"
    """Which UAV serves a user where a decision does not say: the strongest received or the nearest one."""
    sharing: Literal["equal", "proportional_fair", "max_min"] = "equal"
    """How a UAV shares its band where a decision does not say."""
    memory_s: float = Field(default=20.0, gt=0, le=1e6)
    """Time constant of the mean rates of proportional fairness."""
    max_users: int | None = Field(default=None, ge=1)
    """Greatest number of users that a UAV serves at a time; null: any number."""
    coverage_radius_m: float | None = Field(default=None, gt=0)
    """Greatest horizontal distance of a user that a UAV serves; null: any distance."""
    least_sinr_db: float | None = Field(default=-10.0, ge=-100, le=50)
    """Below this SINR a user gets nothing, and no rule gives it a share (ours); null: rates fall towards 0."""
    covered_sinr_db: float = Field(default=0.0, ge=-50, le=50)
    """A user is covered while its SINR is at least this."""

    @property
    def power_w(self) -> float:
        """Returns the greatest transmit power in W."""
        return dbm_to_w(self.power_dbm)

    @property
    def noise_w(self) -> float:
        """Returns the noise power in the whole band in W."""
        return dbm_to_w(self.noise_dbm_per_hz) * self.bandwidth_hz


@dataclass(frozen=True, config=STRICT)
class UavSensingSettings:
    """Sets what UAVs know of each other and of users."""

    neighbour_range_m: float | None = Field(default=None, gt=0)
    """Distance up to which two UAVs hear each other; null: any."""
    heard_snr_db: float | None = Field(default=None, ge=-100, le=100)
    """Least SNR at full power at which a user's channel is measured; null: any."""
    positions: Literal["all", "heard"] = "all"
    """Positions that are known: those of all users, or those of users that some UAV hears."""
    position_error_m: float = Field(default=0.0, ge=0, le=1e4)
    """Standard deviation of the error of a reported position along each axis; each user keeps its error."""


@dataclass(frozen=True, config=STRICT)
class BackhaulSettings:
    """Sets how much data reaches a UAV."""

    model: Literal["none", "fixed", "terrestrial"] = "none"
    """No limit, one limit for every UAV, or the link from the best base station of the terrestrial network."""
    limit_bps: float = Field(default=1e9, gt=0, le=1e15)
    """Limit of the model ``fixed``."""
    bandwidth_hz: float = Field(default=20e6, gt=0, le=1e11)
    """Bandwidth for each UAV of the model ``terrestrial``, outside of the band of the users."""


@dataclass(frozen=True, config=STRICT)
class TerrestrialSettings:
    """Sets base stations on the ground, around the middle of the area, with antennas that radiate alike everywhere."""

    sites: Literal[1, 7, 19] = 7
    """Number of base stations, on a hexagonal grid."""
    isd_m: float = Field(default=500.0, ge=10.0, le=100_000.0)
    """Distance between sites."""
    bs_height_m: float = Field(default=25.0, gt=0.0, le=150.0)
    """Height of the antennas above ground: 35 for RMa, 25 for UMa, 10 for UMi."""
    model: Literal["rma", "uma", "umi"] = "uma"
    """Path loss to users (TR 38.901) and to UAVs (TR 36.777)."""
    power_dbm: float = Field(default=43.0, ge=-30, le=80)
    """Transmit power over the band of the UAVs."""
    load: float = Field(default=0.5, ge=0, le=1)
    """Share of the band and time in which a base station transmits: what users receive of it as interference."""
    blend_m: float = Field(default=10.0, ge=0, le=100)
    """Height over which the line of sight of TR 36.777 is blended into 1 at the upper end of its formula."""
    shadowing: bool = False
    """Add the shadowing of TR 36.777 to links between UAVs and base stations."""
    decorrelation_m: float = Field(default=50.0, ge=5, le=100_000)
    """Distance that a UAV moves until the correlation of the shadowing of its links has fallen to 1/e (ours)."""
