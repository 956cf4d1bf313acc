"""Defines the groups of users of a cellular scenario."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mac.metrics.satisfaction import Sla
from mac.traffic import TraceReplay, TrafficModel
from mac.traffic.trace_paths import match_files
from phy.mobility import MobilitySettings, Replay, Static

from ...errors import is_unicode, shown
from ..schema import Model
from .traffic_settings import Traffic


class UserGroup(Model):
    """Describes users that are alike."""

    name: str = Field(min_length=1, max_length=40)
    """Name of the group in the results."""
    count: int = Field(default=1, ge=0, le=10_000)
    """Users of the group in each cell; 0 leaves the group out."""
    speed_kmh: float = Field(default=3.0, ge=0.0, le=500.0)
    """Speed that the Doppler shifts follow of users that do not move (mobility: static), in km/h. The default of
    3 km/h is that of 3GPP's evaluations; 0 makes a channel that does not change."""
    mobility: MobilitySettings = Field(default_factory=Static, description="How the users move: a model of motion.")
    traffic: Traffic = Field(description="What arrives for each user: a traffic model and its settings.")
    sla: Sla = Field(default_factory=Sla)
    """Promise to each user; satisfaction is measured against it."""

    @field_validator("traffic")
    @classmethod
    def _beside_the_scenario(cls, traffic: TrafficModel, info: ValidationInfo) -> TrafficModel:
        """Makes paths of traces beside the scenario file absolute, so that a run folder can be moved."""
        if not isinstance(traffic, TraceReplay) or not info.context:
            return traffic
        folders: list[Path] = info.context["folders"]
        return replace(traffic, files=tuple(_beside(pattern, folders) for pattern in traffic.files))

    @field_validator("mobility")
    @classmethod
    def _trajectories_beside_the_scenario(cls, mobility: MobilitySettings, info: ValidationInfo) -> MobilitySettings:
        """Makes the path of a file of trajectories beside the scenario file absolute."""
        if not isinstance(mobility, Replay) or not info.context:
            return mobility
        folders: list[Path] = info.context["folders"]
        path = next((folder / mobility.file for folder in folders if (folder / mobility.file).is_file()), None)
        return replace(mobility, file=_in_utf8(str(path or mobility.file)))

    @model_validator(mode="after")
    def _speed_is_of_static_users(self) -> UserGroup:
        default = type(self).model_fields["speed_kmh"].default  # a run folder's scenario.yaml holds all defaults
        if self.speed_kmh != default and not isinstance(self.mobility, Static):
            warnings.warn(
                f"group '{self.name}' moves by its mobility, so its speed_kmh, for users that stay, has no effect",
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


def _beside(pattern: str, folders: Sequence[Path]) -> str:
    """Returns the pattern in the first folder that has a match; as it is where none has, for the data folders."""
    if Path(pattern).is_absolute():
        return pattern
    return _in_utf8(
        next((str(folder / pattern) for folder in folders if match_files(folder.absolute() / pattern)), pattern)
    )


def _in_utf8(path: str) -> str:
    """Returns the path if it is text, as the run's scenario.yaml will name it.

    Raises:
        ValueError: it is not text.
    """
    if not is_unicode(path):
        raise ValueError(f"the path {shown(path)} is not text in UTF-8; rename the folder")
    return path
