"""Computes coupling gain and geometry where cells or users point beams: :mod:`.measurement` with panels.

A user attaches to the best pair of its and the cells' beams by port 0 (RP-180524) and keeps its own beam; other cells
point anywhere in their sets of beams, at random for each user, or (ours, for comparison) at users of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from phy.antenna.beams import BeamPanelSettings, beam_gains, panel_bearings_rad, port_polarization
from phy.antenna.element import SectorAntennaSettings, gain_db
from phy.random import Drops, uniform
from phy.topology.sites import Topology
from phy.tr38901.beam_coupling import LinkEnds, Pattern, beam_power
from phy.tr38901.large_scale import LargeScalePlan, draw_large_scale_model, site_links
from phy.tr38901.settings import PropagationSettings
from phy.units import db_to_linear

Interference = Literal["random_beam", "served_user"]


@dataclass(frozen=True)
class BeamNetwork:
    """Describes a network and the antennas of both ends."""

    topology: Topology
    propagation: PropagationSettings
    antenna: SectorAntennaSettings  # of the cells, where they have no panel
    cell: BeamPanelSettings | None
    user: BeamPanelSettings | None  # none is isotropic

    @property
    def port(self) -> SectorAntennaSettings:
        """Returns the antenna for which the channel is drawn: of a panel, only its polarization matters."""
        return self.antenna if self.cell is None else SectorAntennaSettings(polarization=port_polarization(self.cell))


@dataclass(frozen=True)
class BeamLinks:
    """Holds linear gains of one drop."""

    cell_gain: Tensor  # [U, C] of the best pair of beams
    gain: Tensor  # [U, C, Q, A] between all beams


def beam_links(drop: Drops, network: BeamNetwork, user_m: Tensor) -> BeamLinks:
    """Computes the gains between all beams of users at ``[1, U, 3]`` in m.

    Streams: those of the channel and of :mod:`phy.tr38901.beam_coupling`, "ue_bearing".
    """
    topology, users = network.topology, user_m.shape[1]
    plan = LargeScalePlan(topology, network.propagation, network.port, users, clusters=True)
    model = draw_large_scale_model(drop, plan)
    bearing = 2.0 * torch.pi * uniform(drop.keys("ue_bearing"), (users,))[0]
    ends = LinkEnds(
        _cell_pattern(network), topology.azimuth_rad[: topology.sectors], _user_pattern(network.user), bearing
    )
    gain = beam_power(drop, model, site_links(model, user_m), ends)
    return BeamLinks(gain.flatten(2).amax(-1), gain)


def heard_gains(drop: Drops, links: BeamLinks, serving: Tensor, interference: Interference) -> Tensor:
    """Draws the gain ``[U, C]`` of every cell to every user while each cell points at a UE, in the UEs' own beams.

    Args:
        drop: one drop; stream "interfering_beams".
        links: of all beams.
        serving: cell of each user ``[U]``.
        interference: other cells point anywhere in the set, or, those that serve any user, at one of their users.
    """
    users, cells, beams, _ = links.gain.shape
    row = torch.arange(users)
    best = links.gain[row, serving].flatten(1).argmax(1)
    mine, own = best // links.gain.shape[3], best % links.gain.shape[3]  # the cell's beam, the user's
    draw = uniform(drop.keys("interfering_beams"), (users, cells))[0]
    pointed = (draw * beams).long()
    if interference == "served_user":
        order = serving.argsort(stable=True)
        count = torch.bincount(serving, minlength=cells)
        pick = count.cumsum(0) - count + (draw * count).long()
        pointed = torch.where(count > 0, mine[order][pick.clamp_max(users - 1)], pointed)
    pointed[row, serving] = mine
    heard = links.gain[row, :, :, own]  # [U, C, Q]
    return heard.gather(-1, pointed[..., None])[..., 0]


def _cell_pattern(network: BeamNetwork) -> Pattern:
    if network.cell is not None:
        return partial(beam_gains, network.cell)
    antenna = SectorAntennaSettings(kind="omni") if network.topology.omnidirectional else network.antenna
    return lambda azimuth, zenith: db_to_linear(gain_db(antenna, azimuth, zenith))[..., None]


def _user_pattern(panel: BeamPanelSettings | None) -> Pattern:
    if panel is None:
        return lambda azimuth, zenith: torch.ones_like(azimuth * zenith)[..., None]
    turns = panel_bearings_rad(panel)
    return lambda azimuth, zenith: torch.cat([beam_gains(panel, azimuth - turn, zenith) for turn in turns], -1)
