"""Draws what arrives for the users of a cellular scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mac.traffic import Arrivals, Packets, merge
from phy.random import Drops, stream_key

if TYPE_CHECKING:
    from .scenario import CellularScenario


def arrivals(scenario: CellularScenario, drops: Drops, slots: int) -> Arrivals | None:
    """Draws the packets of every drop; None where every user always has data."""
    if all(group.traffic.full_buffer for group in scenario.users if group.count):
        return None
    return Arrivals(tuple(_packets_of_drop(scenario, drops.seed, drop, slots) for drop in drops.ids))


def _packets_of_drop(scenario: CellularScenario, seed: int, drop: int, slots: int) -> Packets:
    which = scenario.group_of_user().numpy()
    parts = []
    for number, group in enumerate(scenario.users):
        # A stream of its own for each group: more users of one leave the traffic of the others as it was.
        key = stream_key(seed, drop, f"traffic/{group.name}")
        own = group.traffic.packets(key, group.count * scenario.cells, slots, scenario.carrier.slot_s)
        parts.append(Packets(own.slot, np.flatnonzero(which == number)[own.user], own.bytes))
    return merge(parts, [0] * len(parts))
