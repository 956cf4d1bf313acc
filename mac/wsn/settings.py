"""Declares the settings of sensor fields: energy account, batteries, sensing, sink, failures."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class AccountSettings:
    """Sets what a round charges to a node besides the radio. Printed with every lifetime."""

    packet_bits: int = Field(default=4000, ge=1, le=10_000_000)
    """Payload of a packet; each node that senses something has one a round."""
    header_bits: int = Field(default=0, ge=0, le=100_000)
    """Header of a packet, sent on every hop and of no use to the sink."""
    control_bits: int = Field(default=0, ge=0, le=100_000)
    """Length of a control message (announcement, joining, report to the sink); 0: control costs nothing."""
    fuse_own: bool = True
    """A head pays aggregation for its own packet as for those that it receives, unless its protocol says otherwise."""
    sense_j: float = Field(default=0.0, ge=0, le=1e3)
    """Energy of sensing, for each packet that a node makes."""
    idle_j: float = Field(default=0.0, ge=0, le=1e3)
    """Energy of a live node for a round, whatever it does."""
    listen_j: float = Field(default=0.0, ge=0, le=1e3)
    """Energy of the receiver, kept on for a round by a node to which others may send."""


@dataclass(frozen=True, config=STRICT)
class BatterySettings:
    """Sets charges at the start, and harvesting."""

    initial_j: float = Field(default=0.5, ge=0, le=1e9)
    """Charge of a normal node."""
    advanced_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the nodes that are advanced (m); they are drawn at random, and their number is rounded."""
    advanced_extra: float = Field(default=0.0, ge=0, le=1000)
    """Excess charge of an advanced node, as a multiple of that of a normal one (a)."""
    spread: float = Field(default=0.0, ge=0, lt=1)
    """Every charge is drawn uniformly within this share of itself, up or down."""
    harvest_j: float = Field(default=0.0, ge=0, le=1e6)
    """Energy that each live node gains in a round, on average; no battery holds more than at the start."""
    harvest_period_rounds: float = Field(default=0.0, ge=0, le=1e9)
    """Sunlight: gains follow the positive half of a sine of this period, with the same mean; 0: constant gains."""


@dataclass(frozen=True, config=STRICT)
class SensingSettings:
    """Sets which nodes have a packet in a round."""

    model: Literal["every_round", "random", "events"] = "every_round"
    """All nodes; each with a probability; or those near an event of the round."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Probability that a node has a packet in a round (model ``random``)."""
    event_radius_m: float = Field(default=20.0, gt=0, le=1e5)
    """Distance from an event at which a node still senses it (model ``events``). One event a round, anywhere."""


@dataclass(frozen=True, config=STRICT)
class SinkSettings:
    """Sets where the sink is."""

    x_m: float = Field(default=50.0, ge=-1e6, le=1e6)
    """Position of the sink; it may lie outside of the field."""
    y_m: float = Field(default=175.0, ge=-1e6, le=1e6)
    """Position of the sink."""
    orbit_radius_m: float = Field(default=0.0, ge=0, le=1e6)
    """A mobile sink moves on a circle of this radius around its position; 0: it stays."""
    orbit_rounds: float = Field(default=100.0, gt=0, le=1e9)
    """Rounds that a circle takes."""

    def place_m(self, round_: int) -> tuple[float, float]:
        """Returns the position of the sink in a round, counted from 0, in m."""
        angle = 2.0 * math.pi * round_ / self.orbit_rounds
        return self.x_m + self.orbit_radius_m * math.cos(angle), self.y_m + self.orbit_radius_m * math.sin(angle)


@dataclass(frozen=True, config=STRICT)
class FailureSettings:
    """Sets how nodes fail, whatever their charge."""

    mean_life_rounds: float | None = Field(default=None, gt=0, le=1e12)
    """Mean of the exponential time to failure; null: no node fails."""
