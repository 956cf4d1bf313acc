"""Defines the scenarios of sensor fields, and makes their problems: every round, cluster heads and links."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator

from allocators.wsn.lifetime_bound import lifetime_bound
from mac.metrics.satisfaction import Sla
from mac.wsn import WsnContext
from mac.wsn.energy_ledger import CAUSES
from mac.wsn.problem import WsnParts, WsnProblem
from mac.wsn.settings import AccountSettings, BatterySettings, FailureSettings, SensingSettings, SinkSettings
from phy.random import Drops
from phy.sensors.deployment import DeploymentSettings, place_nodes, read_positions
from phy.sensors.packet_error import SensorLinkSettings
from phy.sensors.radio_energy import SensorRadioSettings

from ...errors import ScenarioError
from ..family import Bound, Labels
from ..schema import Clock, ScenarioBase, clock, whole
from .energy_account import account_lines, failures_line, sensing_line, sink_line

_WINDOWS = 100  # of a run, where the scenario does not say
_FIELDS = 16  # arrays of the results per node and window, about
_BYTES = 700  # of a node during a round
_LISTED = 60  # distances to heads held at once per node


class WsnScenario(ScenarioBase):
    """Compares cluster-head selectors on fields of sensors."""

    duration_s: float = Field(default=3000.0, gt=0, le=1e9)
    """Rounds times ``round_s``: a field that has died before ends the run."""
    round_s: float = Field(default=1.0, gt=0, le=1e6)
    """Time from one round to the next; with one second, times are numbers of rounds."""
    field: DeploymentSettings = Field(default_factory=DeploymentSettings)
    """Positions of the nodes."""
    sink: SinkSettings = Field(default_factory=SinkSettings)
    """Position and motion of the sink, to which packets go."""
    radio: SensorRadioSettings = Field(default_factory=SensorRadioSettings)
    """Energy of a bit."""
    account: AccountSettings = Field(default_factory=AccountSettings)
    """Lengths of packets and other costs of a round: headers, control messages, sensing, listening."""
    battery: BatterySettings = Field(default_factory=BatterySettings)
    """Charge at the start, harvesting."""
    sensing: SensingSettings = Field(default_factory=SensingSettings)
    """Which nodes have a packet in a round."""
    failures: FailureSettings = Field(default_factory=FailureSettings)
    """Nodes that break."""
    link: SensorLinkSettings = Field(default_factory=SensorLinkSettings)
    """Loss of packets on the channel."""
    sla: Sla = Field(default_factory=Sla)
    """Promise to each node; left out, satisfaction is the share of its packets that arrive."""

    @field_validator("field")
    @classmethod
    def _beside_the_scenario(cls, field: DeploymentSettings, info: ValidationInfo) -> DeploymentSettings:
        """Makes the path of a file of positions beside the scenario absolute."""
        if field.file is not None and field.placement != "file":
            raise ValueError(
                f"file is {field.file}, and placement is '{field.placement}', so that it would not be read; set "
                "placement to file, or leave file out"
            )
        if field.file is None or not info.context:
            return field
        folders: list[Path] = info.context["folders"]
        path = next((folder / field.file for folder in folders if (folder / field.file).is_file()), None)
        return DeploymentSettings(**{**field.__dict__, "file": str(path or field.file)})

    @model_validator(mode="after")
    def _no_warm_up(self) -> WsnScenario:
        if self.warmup_s:
            raise ValueError("warmup_s must be 0: a field's life begins with full batteries; leave it out")
        return self

    @model_validator(mode="after")
    def _no_repair(self) -> WsnScenario:
        if self.on_infeasible != "error":
            raise ValueError("on_infeasible must be error: of a sensor field, no decision is repaired; leave it out")
        return self

    @property
    def nodes(self) -> int:
        """Counts the sensors of a field."""
        return len(read_positions(self.field.file)) if self.field.placement == "file" else self.field.nodes


def clock_of(scenario: WsnScenario) -> Clock:
    rounds = whole(scenario.duration_s, scenario.round_s, "duration_s", "rounds")
    if scenario.window_s is None:
        window = max(1, rounds // _WINDOWS)
        return Clock(interval_s=scenario.round_s, warmup=0, intervals=rounds // window * window, window=window)
    return clock(scenario, scenario.round_s, scenario.window_s)


def check(scenario: WsnScenario) -> None:
    field = scenario.field
    if field.placement != "file":
        return
    try:
        places = np.array(read_positions(field.file))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: field: {error}") from None
    outside = ((places < 0) | (places > [field.width_m, field.height_m])).any(axis=1).sum()
    if outside and scenario.sensing.model == "events":
        raise ScenarioError(
            f"{scenario.name}: {outside} of {len(places)} nodes of {field.file} lie outside of the field, 0 to "
            f"{field.width_m:g} m by 0 to {field.height_m:g} m, where the events are; set field.width_m and "
            "field.height_m, or move the nodes"
        )


def build(scenario: WsnScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> WsnProblem:
    """Builds the problem; energies are float64 whatever ``dtype`` is, so that their sums are exact enough."""
    return WsnProblem(
        WsnParts(
            drops=drops,
            position_m=place_nodes(drops, scenario.field),
            extent_m=(scenario.field.width_m, scenario.field.height_m),
            radio=scenario.radio,
            account=scenario.account,
            battery=scenario.battery,
            sensing=scenario.sensing,
            sink=scenario.sink,
            failures=scenario.failures,
            link=scenario.link,
            round_s=scenario.round_s,
            device=device,
        )
    )


def context(scenario: WsnScenario) -> WsnContext:
    check(scenario)
    drops = Drops(scenario.seed, (0,))
    context: WsnContext = build(scenario, drops, torch.device("cpu"), torch.float64).context
    return context


def labels(scenario: WsnScenario, problem: WsnProblem) -> Labels:
    nodes = problem.context.nodes
    coordinates: dict[str, tuple[tuple[str, ...], Any]] = {
        "user": (("user",), np.arange(nodes)),
        "cause": (("cause",), np.array(CAUSES)),
        "x_m": (("drop", "user"), problem.position_m[..., 0].cpu().numpy()),
        "y_m": (("drop", "user"), problem.position_m[..., 1].cpu().numpy()),
        "initial_j": (("drop", "user"), problem.initial_j.cpu().numpy()),
    }
    attributes: Mapping[str, str | int | float] = {
        "round_s": scenario.round_s,
        "sink_x_m": scenario.sink.x_m,
        "sink_y_m": scenario.sink.y_m,
        "width_m": scenario.field.width_m,
        "height_m": scenario.field.height_m,
    }
    return Labels(coordinates, attributes)


def estimate_bytes(scenario: WsnScenario, drops: int) -> int:
    clock = clock_of(scenario)
    return drops * scenario.nodes * (_BYTES + 8 * _LISTED + 8 * _FIELDS * (clock.intervals // clock.window))


def estimate_seconds(scenario: WsnScenario, drops: int) -> float:
    return clock_of(scenario).intervals * (7e-4 + drops * scenario.nodes * 2.5e-7)


def best_batch(scenario: WsnScenario, device: str) -> int:
    return max(1, min(128, 20_000 // scenario.nodes) if device == "cpu" else min(4096, 10_000_000 // scenario.nodes))


def bound(scenario: WsnScenario, drops: Drops) -> Bound:
    """Solves the linear program of the lifetime, where it holds."""
    for wrong, setting in (
        (scenario.battery.harvest_j > 0, "battery.harvest_j must be 0"),
        (scenario.sink.orbit_radius_m > 0, "sink.orbit_radius_m must be 0"),
        (scenario.sensing.model != "every_round", "sensing.model must be every_round"),
        (
            scenario.radio.aggregation_j_per_bit > scenario.radio.electronics_j_per_bit,
            "radio.aggregation_j_per_bit must be at most radio.electronics_j_per_bit, so that fusing is cheaper",
        ),
    ):
        if wrong:
            raise ValueError(f"the bound of the lifetime does not hold here: {setting}")
    context = build(scenario, drops, torch.device("cpu"), torch.float64).context
    sink = (scenario.sink.x_m, scenario.sink.y_m)
    return Bound("fnd", lifetime_bound(context, sink, float(scenario.account.packet_bits)).tolist(), _BOUNDED)


_BOUNDED = (
    "It bounds the first death of every protocol in which each live node sends one packet a round, with all that it "
    "received fused into it or beside it: the optimum of a linear program over the numbers of rounds in which each "
    "node sends to each other one. These need not be whole or make a tree in each round, and heads need not fuse their "
    "own packets."
)


def account(scenario: WsnScenario) -> list[tuple[str, str]]:
    lines = account_lines(scenario.account, scenario.radio, scenario.battery, scenario.link)
    return [*lines, sink_line(scenario.sink), sensing_line(scenario.sensing), failures_line(scenario.failures)]
