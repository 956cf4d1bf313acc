"""Defines the workloads of ``fairwave bench``: fields of 100 to 10,000 sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SensorField:
    """Describes a field of sensors with batteries that outlast the measurement: 100 nodes on 100 x 100 m."""

    nodes: int
    batches: tuple[int, ...]
    allocator: str = "leach"
    rate: str = "rounds_per_s"
    words: tuple[str, str] = ("round", "node_round")
    fast: None = None

    @property
    def parts(self) -> int:
        """Counts the nodes."""
        return self.nodes

    def sizes(self) -> dict[str, int]:
        """Counts the nodes."""
        return {"nodes": self.nodes}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the rate of the rounds of all nodes."""
        return {"node_rounds_per_s": round(rate * self.nodes, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""
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


WORKLOADS: dict[str, SensorField] = {
    "wsn-100": SensorField(nodes=100, batches=(1, 64, 256)),
    "wsn-1000": SensorField(nodes=1000, batches=(1, 8, 32)),
    "wsn-10000": SensorField(nodes=10_000, batches=(1, 2)),
}
"""LEACH on fields of the same density."""
