"""Defines the sections that the scenarios of all families on a cellular carrier have."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from mac.carrier import CarrierSettings
from mac.engine.uplink_power import UplinkSettings
from mac.handover.settings import HandoverSettings, MeasurementSettings
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from phy.antenna.element import SectorAntennaSettings
from phy.blockage import BlockageSettings
from phy.channel.channel import ChannelSettings
from phy.channel.fading import FadingSettings
from phy.link.mimo_settings import MimoSettings
from phy.mobility import RectangleSettings, Static
from phy.power_consumption import PowerSettings
from phy.topology.sites import TopologySettings
from phy.tr38901.settings import PropagationSettings

from ..schema import ScenarioBase
from .users import UserGroup


class CellularSections(ScenarioBase):
    """Describes one carrier, the same in all cells; each section by itself, not yet whether they fit together."""

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
    """Source of the channel, and the time between its states where users move."""
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
    """When users change their cell; left out, every user keeps the cell of the start."""
    measurements: MeasurementSettings = Field(default_factory=MeasurementSettings)
    """Measurements of the cells around a user, for handovers."""
    queue_bytes: float = Field(default=5e6, ge=1500, le=1e12)
    """Room of each user's queue; what finds it full is dropped."""
    placement: Literal["per_cell", "uniform"] = "per_cell"
    """Placement of users: equally many in the area of each cell, or anywhere in the network."""
    attachment: Literal["cell_area", "strongest"] = "strongest"
    """Cell of each UE: the one in whose area it was placed, or the one that it receives best on average."""
    users: tuple[UserGroup, ...] = Field(min_length=1)
    """Groups of users."""
    record_slots_of: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(), max_length=1000)
    """Numbers of the users of which every slot is recorded: SINR, CQI, MCS, rank, attempts, queue, PRBs, cell."""

    @property
    def cells(self) -> int:
        """Counts the cells of the network."""
        return self.topology.site_count * self.topology.sectors

    @property
    def moves(self) -> bool:
        """Checks whether the mean strength of any link changes with time."""
        return bool(self.blockage) or any(g.count and not isinstance(g.mobility, Static) for g in self.users)

    @property
    def on_the_way(self) -> bool:
        """Checks whether the channel is computed anew as time goes on, or users may change their cell."""
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
        return [
            f"users that stay where they are fade as at 3 km/h unless speed_kmh says otherwise: {', '.join(groups)}"
        ]

    def group_of_user(self) -> torch.Tensor:
        """Returns the group of each user, int64 ``[U]``: cell by cell, in each in the order of the groups."""
        counts = torch.tensor([group.count for group in self.users])
        return torch.arange(len(counts)).repeat_interleave(counts).repeat(self.cells)

    @property
    def users_per_cell(self) -> int:
        """Counts the users of a cell, on average."""
        return sum(group.count for group in self.users)


def group_names(scenario: CellularSections) -> list[str]:
    """Returns the name of each user's group."""
    return [scenario.users[number].name for number in scenario.group_of_user().tolist()]
