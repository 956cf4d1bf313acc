"""What the families on a cellular carrier share: the sections of their scenarios, and from these to an engine."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.uplink_power import UplinkSettings
from mac.handover.a3 import rules
from mac.handover.settings import HandoverSettings, MeasurementSettings
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.metrics.satisfaction import Sla
from mac.slicing.settings import Service
from mac.traffic import TraceError, TraceReplay, TrafficModel
from mac.traffic.queue_delay import BIN_EDGES_S
from mac.traffic.trace_paths import match_files
from phy.antenna.element import SectorAntennaSettings
from phy.blockage import BlockageSettings, ScriptedSettings, build_script
from phy.channel.channel import ChannelSettings
from phy.channel.fading import FadingSettings
from phy.link.effective_sinr import require_betas
from phy.link.mimo_settings import MimoSettings
from phy.mobility import MobilitySettings, RectangleSettings, Replay, Static
from phy.power_consumption import PowerSettings
from phy.sionna_adapter.channel import require_sionna_support
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings
from phy.tr38901.pathloss import require_base_height

from ...config.schema import Clock, Model, ScenarioBase
from ...errors import ScenarioError, is_unicode, shown
from .. import Labels
from . import dominant_interferers
from . import mobility as moving
from . import uplink as sending
from .traffic import Traffic

LONGEST_BLOCK = 50
"""Slots that the engine prepares at once."""


class UserGroup(Model):
    """Users who are alike."""

    name: str = Field(min_length=1, max_length=40)
    """Name of the group in the results."""
    count: int = Field(default=1, ge=0, le=10_000)
    """Users of the group in each cell; 0 leaves the group out."""
    speed_kmh: float = Field(default=3.0, ge=0.0, le=500.0)
    """Speed that the Doppler shifts follow of users who stay where they are (mobility: static), in km/h. The default of
    3 km/h is that of 3GPP's evaluations; 0 makes a channel that does not change."""
    mobility: MobilitySettings = Field(default_factory=Static, description="How the users move: a model of motion.")
    traffic: Traffic = Field(description="What arrives for each user: a traffic model and its settings.")
    sla: Sla = Field(default_factory=Sla)
    """What each user was promised; satisfaction is measured against it."""

    @field_validator("traffic")
    @classmethod
    def _beside_the_scenario(cls, traffic: TrafficModel, info: ValidationInfo) -> TrafficModel:
        """Traces that lie beside the scenario file are named by their full path, so that a run folder can be moved."""
        if not isinstance(traffic, TraceReplay) or not info.context:
            return traffic
        folders: list[Path] = info.context["folders"]
        return replace(traffic, files=tuple(_beside(pattern, folders) for pattern in traffic.files))

    @field_validator("mobility")
    @classmethod
    def _trajectories_beside_the_scenario(cls, mobility: MobilitySettings, info: ValidationInfo) -> MobilitySettings:
        """Likewise a file of trajectories."""
        if not isinstance(mobility, Replay) or not info.context:
            return mobility
        folders: list[Path] = info.context["folders"]
        path = next((folder / mobility.file for folder in folders if (folder / mobility.file).is_file()), None)
        return replace(mobility, file=_in_utf8(str(path or mobility.file)))

    @model_validator(mode="after")
    def _speed_is_of_those_who_stay(self) -> UserGroup:
        default = type(self).model_fields["speed_kmh"].default  # a run folder's scenario.yaml holds all defaults
        if self.speed_kmh != default and not isinstance(self.mobility, Static):
            warnings.warn(
                f"group '{self.name}' moves by its mobility, so its speed_kmh, for users who stay, has no effect",
                stacklevel=2,
            )
        return self

    @model_validator(mode="after")
    def _delay_is_of_packets(self) -> UserGroup:
        if self.traffic.full_buffer and self.sla.delay_s is not None:
            warnings.warn(
                f"group '{self.name}' always has data and no packets (traffic.model full_buffer), so its sla.delay_s "
                "is not judged; judge its rate (sla.rate_bps), or give it packets",
                stacklevel=2,
            )
        return self


class CellularScenario(ScenarioBase):
    """One carrier, the same in all cells."""

    topology: TopologySettings = Field(default_factory=TopologySettings)
    """Sites and sectors."""
    propagation: PropagationSettings = Field(default_factory=PropagationSettings)
    """Path loss, shadowing, line of sight."""
    antenna: SectorAntennaSettings = Field(default_factory=SectorAntennaSettings)
    """Antennas of the cells, all alike."""
    mimo: MimoSettings | None = None
    """Panels of antennas at both ends, in place of ``antenna``; left out, both ends have one antenna."""
    carrier: CarrierSettings = Field(default_factory=CarrierSettings)
    """Bandwidth, numerology, power, overhead."""
    uplink: UplinkSettings = Field(default_factory=UplinkSettings)
    """Power of the users and noise of the cells, where carrier.direction is uplink."""
    fading: FadingSettings = Field(default_factory=FadingSettings)
    """Small-scale fading."""
    channel: ChannelSettings = Field(default_factory=ChannelSettings)
    """Source of the channel, and how often it is taken anew where users move."""
    link: LinkSettings = Field(default_factory=LinkSettings)
    """Channel reports and link adaptation."""
    harq: HarqSettings = Field(default_factory=HarqSettings)
    """Retransmissions."""
    power: PowerSettings = Field(default_factory=PowerSettings)
    """Energy that base stations take."""
    mobility_area: RectangleSettings | None = None
    """Rectangle that users do not leave; left out, the endless network with wrap-around, the hall, or the box of the
    cells."""
    blockage: tuple[BlockageSettings, ...] = Field(default=(), max_length=16, description="What stands in the way.")
    handover: HandoverSettings | None = None
    """When users change their cell; left out, everybody keeps the cell of the start."""
    measurements: MeasurementSettings = Field(default_factory=MeasurementSettings)
    """What users measure of the cells around them, for handovers."""
    queue_bytes: float = Field(default=5e6, ge=1500, le=1e12)
    """Room of each user's queue; what finds it full is dropped."""
    placement: Literal["per_cell", "uniform"] = "per_cell"
    """As many users in the area of each cell, or anywhere in the network."""
    attachment: Literal["cell_area", "strongest"] = "strongest"
    """Cell of each UE: the one in whose area it was placed, or the one that it receives best on average."""
    users: tuple[UserGroup, ...] = Field(min_length=1)
    """Groups of users."""

    @property
    def cells(self) -> int:
        """Cells of the network."""
        return self.topology.site_count * self.topology.sectors

    @property
    def moves(self) -> bool:
        """Whether the mean strength of any link changes with time."""
        return bool(self.blockage) or any(g.count and not isinstance(g.mobility, Static) for g in self.users)

    @property
    def on_the_way(self) -> bool:
        """Whether the air is taken anew as time goes on, or users may change their cell."""
        return self.moves or self.handover is not None

    def notes(self) -> list[str]:
        """Names the groups that fade at the default speed."""
        groups = [
            group.name
            for group in self.users
            if group.count and isinstance(group.mobility, Static) and "speed_kmh" not in group.model_fields_set
        ]
        if not groups or self.fading.model == "none":
            return []
        return [f"users who stay where they are fade as at 3 km/h unless speed_kmh says otherwise: {', '.join(groups)}"]

    def group_of_user(self) -> torch.Tensor:
        """Users stand cell by cell, in each in the order of the groups, int64 ``[U]``."""
        counts = torch.tensor([group.count for group in self.users])
        return torch.arange(len(counts)).repeat_interleave(counts).repeat(self.cells)

    @property
    def users_per_cell(self) -> int:
        """Users of a cell, on average."""
        return sum(group.count for group in self.users)

    @field_validator("users")
    @classmethod
    def _groups_differ(cls, groups: Sequence[UserGroup]) -> Sequence[UserGroup]:
        names = [group.name for group in groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two groups of users cannot both be called '{twice[0]}'")
        return groups

    @model_validator(mode="after")
    def _antennas_fit(self) -> CellularScenario:
        if self.mimo is None:
            return self
        if self.antenna != SectorAntennaSettings():
            raise ValueError(
                "antenna and mimo are both given; write the antenna of the cells in mimo.base, and leave "
                "antenna out, or at its defaults where a preset sets it (antenna.kind: sector)"
            )
        if self.fading.model == "none":
            raise ValueError("fading.model is 'none', but mimo needs rays; set it to rays, or leave mimo out")
        if self.topology.sectors == 1 and self.mimo.base.rows_per_port > 1:
            base = self.mimo.base
            raise ValueError(
                f"mimo.base has {base.rows_per_port} elements a port, but sites of one sector have elements of "
                f"0 dBi; give it as many ports as elements ({base.elements}), or the sites three sectors"
            )
        return self

    @model_validator(mode="after")
    def _effective_sinr_is_known(self) -> CellularScenario:
        try:
            require_betas(self.link.effective_sinr, self.carrier.mcs_table)
        except ValueError as error:
            raise ValueError(f"link.{error}".replace(" mcs_table", " carrier.mcs_table")) from None
        return self

    @model_validator(mode="after")
    def _uplink_fits(self) -> CellularScenario:
        sending.check(self)
        return self

    @model_validator(mode="after")
    def _some_may_fade(self) -> CellularScenario:
        dominant_interferers.check(self)
        return self

    @model_validator(mode="after")
    def _base_stations_stand_where_the_model_holds(self) -> CellularScenario:
        require_base_height(self.propagation.model, self.topology.bs_height_m)
        return self

    @model_validator(mode="after")
    def _somebody_is_there(self) -> CellularScenario:
        if self.users_per_cell == 0:
            raise ValueError("there are no users: every group's count is 0")
        return self

    @model_validator(mode="after")
    def _provider_can(self) -> CellularScenario:
        if self.channel.provider == "sionna":
            require_sionna_support(self.propagation, self.antenna, self.fading, rays_only=self.on_the_way)
        return self

    @model_validator(mode="after")
    def _blockage_concerns_what_is_there(self) -> CellularScenario:
        for number, blockage in enumerate(self.blockage):
            if isinstance(blockage, ScriptedSettings):
                try:
                    build_script(blockage, build_topology(self.topology), group_names(self))
                except ValueError as error:
                    raise ValueError(f"blockage.{number}: {error}") from None
                self._warn_of_what_comes_too_late(blockage, number)
        return self

    def _warn_of_what_comes_too_late(self, blockage: ScriptedSettings, number: int) -> None:
        end_s = self.warmup_s + self.duration_s
        for place, event in enumerate(blockage.events):
            if event.start_s >= end_s:
                warnings.warn(
                    f"blockage.{number}.events.{place} begins at start_s {event.start_s:g}, but the run ends after "
                    f"{end_s:g} s (warmup_s and duration_s), so it never happens",
                    stacklevel=2,
                )

    @model_validator(mode="after")
    def _every_cell_has_its_offset(self) -> CellularScenario:
        if self.handover is not None:
            try:
                rules(self.handover, self.cells, self.carrier.slot_s, torch.device("cpu"))
            except ValueError as error:
                raise ValueError(f"handover.{error}") from None
        return self

    @model_validator(mode="after")
    def _cell_area_means_something(self) -> CellularScenario:
        for number, group in enumerate(self.users):
            if isinstance(group.mobility, Replay) and group.count and self.attachment == "cell_area":
                raise ValueError(
                    f"users.{number}.mobility: users who follow a file start where it says and not in the area of a "
                    "cell, so 'cell_area' means nothing to them; set attachment to 'strongest'"
                )
        return self


@dataclass(frozen=True)
class Shape:
    """What a family adds to the carrier: its clock, and who belongs to which slice."""

    clock: Clock
    slots: int  # of an interval
    slice_of_group: tuple[int, ...]
    slices: int = 1

    @property
    def total_slots(self) -> int:
        """Slots of a drop, the warm-up included."""
        return (self.clock.warmup + self.clock.intervals) * self.slots

    @property
    def window_slots(self) -> int:
        """Slots of a window."""
        return self.clock.window * self.slots

    @property
    def block_slots(self) -> int:
        """The longest block, of those that the engine prepares at once, that ends wherever a window may."""
        unit = self.slots if self.slots > 1 else math.gcd(self.clock.window, self.clock.warmup)
        return max(n for n in range(1, LONGEST_BLOCK + 1) if unit % n == 0)


def group_names(scenario: CellularScenario) -> list[str]:
    """Name of each user's group."""
    return [scenario.users[number].name for number in scenario.group_of_user().tolist()]


def check_files(scenario: CellularScenario, shape: Shape) -> None:
    """Read every file that the scenario names.

    Raises:
        ScenarioError: files that are missing or cannot be used.
    """
    check_traces(scenario)
    moving.check_trajectories(scenario, shape)


def check_traces(scenario: CellularScenario) -> None:
    """Read every trace file that the scenario names.

    Raises:
        ScenarioError: files that are missing or cannot be used, each with its line and the group that plays it.
    """
    problems = []
    for i, group in enumerate(scenario.users):
        if isinstance(group.traffic, TraceReplay) and group.count:
            try:
                group.traffic.locate()
            except TraceError as error:
                problems.append(f"{scenario.name}: users.{i}.traffic of group '{group.name}': {error}")
    if problems:
        raise ScenarioError("\n".join(problems))


def account(scenario: CellularScenario) -> list[tuple[str, str]]:
    """What metrics make of full-buffer users, as (what, how much); empty where there are none."""
    full = [group.name for group in scenario.users if group.traffic.full_buffer and group.count]
    if not full:
        return []
    names = ", ".join(full)
    return [
        ("full-buffer users", f"{names}: rate targets judge what was served; served shares are not defined (what they "
         "ask for has no end), nor are delays (they have no packets)")
    ]  # fmt: skip


def labels(scenario: CellularScenario, engine: Engine, services: Sequence[Service], shape: Shape) -> Labels:
    """Coordinates and attributes that all cellular families have.

    Args:
        scenario: whose groups name and judge the users.
        engine: whose cells serve them.
        services: kind of service of each group.
        shape: what the family adds.
    """
    slas = [group.sla for group in scenario.users]
    per_group: Mapping[str, Sequence[Any]] = {
        "group": [group.name for group in scenario.users],
        "service": services,
        "full_buffer": [group.traffic.full_buffer for group in scenario.users],
        "sla_rate_bps": [_or_nan(sla.rate_bps) for sla in slas],
        "sla_desired_bps": [_or_nan(sla.desired_rate_bps) for sla in slas],
        "sla_delay_s": [_or_nan(sla.delay_s) for sla in slas],
        "sla_loss": [_or_nan(sla.loss) for sla in slas],
    }
    which = scenario.group_of_user().numpy()
    coordinates: dict[str, tuple[tuple[str, ...], Any]] = {
        name: (("user",), np.array(values)[which]) for name, values in per_group.items()
    }
    coordinates["user"] = (("user",), np.arange(len(which)))
    coordinates["cell"] = (("cell",), np.arange(scenario.cells))
    coordinates["serving"] = (("drop", "user"), engine.serving.cpu().numpy())
    coordinates["delay_edge_s"] = (("delay_bin",), np.array(BIN_EDGES_S))
    attributes = {
        "slot_s": scenario.carrier.slot_s,
        "slots_per_window": shape.window_slots,
        "prbs": scenario.carrier.prbs,
        "cells": scenario.cells,
    }
    if scenario.on_infeasible == "repair":
        attributes["mends"] = 1  # only then does a count of repairs mean anything
    return Labels(coordinates, attributes)


def _beside(pattern: str, folders: Sequence[Path]) -> str:
    """The pattern in the first folder that has a match; as it stands where none has, for the data folders."""
    if Path(pattern).is_absolute():
        return pattern
    return _in_utf8(
        next((str(folder / pattern) for folder in folders if match_files(folder.absolute() / pattern)), pattern)
    )


def _in_utf8(path: str) -> str:
    """The path, which the run's scenario.yaml will name.

    Raises:
        ValueError: it is not text.
    """
    if not is_unicode(path):
        raise ValueError(f"the path {shown(path)} is not text in UTF-8; rename the folder")
    return path


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
