"""Estimates memory and time that panels of antennas take, before anything is built."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mac.link_adaptation.adaptation import LinkSettings
from phy.link.mimo_settings import MimoSettings
from phy.tr38901.lsp_tables import MOST_CLUSTERS, RAYS

_CLUSTERS = MOST_CLUSTERS + 5  # of a link, at most: four more for sub-clusters, the direct ray
_AT_ONCE = 32  # users whose rays are steered at once
_TURNING_BYTES = 200  # of a ray of two states: waves, how they change, turns


@dataclass(frozen=True)
class NetworkSize:
    """Describes for how many users, cells and PRBs the matrices are."""

    users: int  # of a drop
    cells: int
    prbs: int
    link: LinkSettings
    update_slots: float = math.inf  # from one state of the channel to the next; endless where no user moves

    @property
    def moves(self) -> bool:
        """Checks whether matrices are interpolated between two states."""
        return self.update_slots < math.inf


def mimo_bytes(antennas: MimoSettings, crowd: NetworkSize, item: int) -> tuple[int, int]:
    """Estimates the memory of a drop's matrices, and of setting one up: rays, tones, matrices, precoders.

    Args:
        antennas: panels and precoding.
        crowd: users, cells, PRBs, reports.
        item: bytes of a real number.
    """
    users, prbs, rays = crowd.users, crowd.prbs, _CLUSTERS * RAYS
    heard = min(antennas.heard_cells, crowd.cells)
    receive, transmit = antennas.ue.ports, antennas.base.ports
    steered = users * heard * (rays * (4 * (receive + transmit) * item + 8) + _CLUSTERS * prbs * 2 * item)
    if crowd.moves:  # two states, each alone and both side by side, and how their rays turn
        steered = 4 * steered + users * heard * rays * _TURNING_BYTES
    matrices = 3 * users * heard * prbs * receive * transmit * 2 * item
    columns = transmit * antennas.layers * (antennas.layers if antennas.precoding == "codebook" else prbs)
    reports = users * columns * 2 * item * (crowd.link.report_delay_slots + 2)
    searched = 6 * users * prbs * receive * (receive + transmit) * 2 * item
    setup = users * heard * rays * 30 * 8 + min(users, _AT_ONCE) * heard * rays * (receive + transmit) * 160
    most = antennas.users_per_prb if antennas.users_per_prb > 1 else 0
    shared = 2 * most * crowd.cells * prbs * heard * transmit * (receive + most) * 2 * item
    return steered + matrices + reports, searched + setup + shared


def mimo_seconds(antennas: MimoSettings, crowd: NetworkSize) -> float:
    """Estimates a slot of one drop on one CPU thread, from measurements at 50 PRBs, 2 x 4 and 4 x 32 ports.

    Args:
        antennas: panels and precoding.
        crowd: users, cells, PRBs, reports.
    """
    size, wide = antennas.ue.ports * antennas.base.ports, crowd.prbs / 50
    heard = min(antennas.heard_cells, crowd.cells)
    renewed = heard * (2e-5 + 2e-6 * size) * (0.5 + 0.5 * wide) / antennas.refresh_slots
    if crowd.moves:
        renewed = 2.5 * renewed + heard * (6e-4 + 1.5e-5 * size) / crowd.update_slots
    reported = (2e-4 + 2.5e-5 * size * antennas.layers * wide) / crowd.link.report_period_slots
    received = antennas.users_per_prb * crowd.cells * heard * wide * 50 * (3e-7 + 4e-8 * size)
    return crowd.users * (2e-6 + renewed + reported) + received
