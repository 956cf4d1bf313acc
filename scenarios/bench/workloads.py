"""The fixed workloads of ``fairwave bench``: saturated downlinks of three sizes, and fields of sensors of three."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Workload(Protocol):
    """What is measured."""

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of drops to try on a CPU, one first."""

    @property
    def allocator(self) -> str:
        """Who decides where nobody else is named."""

    @property
    def rate(self) -> str:
        """Key of the result: what is counted a second, summed over drops."""

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """As a scenario."""

    @property
    def words(self) -> tuple[str, str]:
        """What a step is called, and one part of a step: a slot and a cell's slot."""

    @property
    def parts(self) -> int:
        """Parts of a step: cells, or nodes."""

    @property
    def dominant_interferers(self) -> int | None:
        """Strongest interferers of each user that fade in the mode ``fast``; None where there is no such mode."""

    def sizes(self) -> dict[str, int]:
        """What tables say of it."""

    def more(self, rate: float) -> dict[str, float]:
        """Further rates that follow from the first."""


@dataclass(frozen=True)
class Downlink:
    """A saturated downlink: full-buffer users at 3 km/h, each served by the cell in whose area it stands."""

    sites: int
    sectors: int
    prbs: int
    batches: tuple[int, ...]
    users_per_cell: int = 10
    dominant_interferers: int | None = None
    window_s: float = 1.0
    allocator: str = "proportional_fair"
    rate: str = "slots_per_s"
    words: tuple[str, str] = ("slot", "cell_slot")

    @property
    def cells(self) -> int:
        """Cells of the network."""
        return self.sites * self.sectors

    @property
    def users(self) -> int:
        """Users of the network."""
        return self.cells * self.users_per_cell

    @property
    def parts(self) -> int:
        """Cells."""
        return self.cells

    def sizes(self) -> dict[str, int]:
        """Cells, users and PRBs."""
        return {"cells": self.cells, "users": self.users, "prbs": self.prbs}

    def more(self, rate: float) -> dict[str, float]:
        """Slots of all cells."""
        return {"cell_slots_per_s": round(rate * self.cells, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Of the scheduling family."""
        return {
            "name": "bench",
            "family": "scheduling",
            "drops": drops,
            "duration_s": 1.0,
            "window_s": self.window_s,
            "allocators": [allocator],
            "topology": {"layout": "hexagonal", "sites": self.sites, "sectors": self.sectors, "wrap_around": True},
            "carrier": {"prbs": self.prbs},
            "attachment": "cell_area",
            "users": [{"name": "ue", "count": self.users_per_cell, "traffic": {"model": "full_buffer"}}],
        }


@dataclass(frozen=True)
class SensorField:
    """A field of sensors with batteries that outlast the measurement, at the density of 100 on 100 x 100 m."""

    nodes: int
    batches: tuple[int, ...]
    allocator: str = "leach"
    rate: str = "rounds_per_s"
    words: tuple[str, str] = ("round", "node_round")
    dominant_interferers: None = None

    @property
    def parts(self) -> int:
        """Nodes."""
        return self.nodes

    def sizes(self) -> dict[str, int]:
        """Nodes."""
        return {"nodes": self.nodes}

    def more(self, rate: float) -> dict[str, float]:
        """Rounds of all nodes."""
        return {"node_rounds_per_s": round(rate * self.nodes, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Of the family of sensor fields."""
        side_m = 100.0 * (self.nodes / 100) ** 0.5
        return {
            "name": "bench",
            "family": "wsn",
            "drops": drops,
            "duration_s": 1.0,
            "window_s": 1.0,
            "allocators": [allocator],
            "field": {"width_m": side_m, "height_m": side_m, "nodes": self.nodes},
            "sink": {"x_m": side_m / 2, "y_m": 1.75 * side_m},
            "battery": {"initial_j": 1e6},
        }


WORKLOADS: dict[str, Workload] = {
    "W1": Downlink(sites=7, sectors=1, prbs=50, batches=(1, 8, 32), dominant_interferers=3),
    "W2": Downlink(sites=7, sectors=3, prbs=100, batches=(1, 4, 8), dominant_interferers=3),
    "W3": Downlink(sites=19, sectors=3, prbs=100, batches=(1, 2), dominant_interferers=3),
    "wsn-100": SensorField(nodes=100, batches=(1, 64, 256)),
    "wsn-1000": SensorField(nodes=1000, batches=(1, 8, 32)),
    "wsn-10000": SensorField(nodes=10_000, batches=(1, 2)),
}
"""7 cells x 10 UE on 50 PRB, 21 x 10 on 100 and 57 x 10 on 100, slots of 1 ms; LEACH with 100 to 10,000 nodes."""

SCALES: dict[str, Downlink] = {
    f"{sites * sectors * users}": Downlink(
        sites, sectors, prbs=50, batches=(1,), users_per_cell=users, dominant_interferers=3, window_s=0.01
    )
    for sites, sectors, users in ((7, 1, 10), (7, 3, 10), (19, 3, 10), (19, 3, 36))
}
"""Networks of 70, 210, 570 and 2052 users on 50 PRBs, to see how the cost of a slot grows with them."""
