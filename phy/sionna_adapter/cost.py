"""Estimates the memory and time that channels on Sionna's rays need, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from ..tr38901.lsp_tables import MOST_CLUSTERS, RAYS

_LIBRARY_BYTES = 200e6


@dataclass(frozen=True)
class Cost:
    """Holds the memory and time that the channel of a drop needs, estimated for one CPU thread."""

    stored_bytes: float  # while the channel is in use
    setup_bytes: float  # in addition while it is drawn, one drop at a time; the library included
    setup_s: float  # to draw the channel, or each state of UEs that move
    slot_s: float  # of a slot


def channel_cost(users: int, sites: int, cells: int, prbs: int, item_bytes: int) -> Cost:
    """Estimates the cost of a channel from its counts of rays; times were measured on one thread of a CPU in 2026.

    Args:
        users: of a drop.
        sites: number of sites.
        cells: number of cells C.
        prbs: number of PRBs K.
        item_bytes: of a real number, 4 or 8.
    """
    rays, paths = 1 + MOST_CLUSTERS * RAYS, MOST_CLUSTERS + 5
    links, ways = users * cells, users * sites
    steering = 2 * paths * prbs
    stored = links * (2 * rays + 4 * prbs * 10) * item_bytes + ways * (8 * rays + steering * item_bytes)
    drawn = links * rays * 14 + ways * (rays * 12 + 2 * steering + 3 * 7 * users)
    return Cost(2.0 * stored, 8.0 * drawn + _LIBRARY_BYTES, 1.1e-3 * links, 4.5e-6 * links)


def moving_channel_cost(counts: tuple[int, int, int], prbs: int, item_bytes: int, panels: bool) -> Cost:
    """Estimates the cost of the channel of UEs that move; ``setup_s`` is that of each large-scale state.

    Args:
        counts: UEs of a drop, sites, cells.
        prbs: K.
        item_bytes: of a real number, 4 or 8.
        panels: there are panels; the memory of their matrices is not included.
    """
    users, sites, cells = counts
    still, links, ways = channel_cost(users, sites, cells, prbs, item_bytes), users * cells, users * sites
    rays, paths = MOST_CLUSTERS * RAYS, MOST_CLUSTERS + 5
    stored = 2.0 * (links * rays * 4 * 8 + ways * rays * 5 * 8)  # two states as Sionna holds them
    if not panels:  # and the same through the antennas, in float64 and ready to turn
        stored += 2.0 * links * rays * (16 + 2 * item_bytes) + 4 * prbs * 10 * links * item_bytes
        stored += 2.0 * ways * (rays * 40 + paths * prbs * (16 + 2 * item_bytes))
    return Cost(stored, still.setup_bytes, 1.1e-3 * links, 0.0 if panels else 3e-5 * ways + 7e-6 * links)
