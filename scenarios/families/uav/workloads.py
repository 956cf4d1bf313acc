"""Defines the workloads of ``fairwave bench``: 4 UAVs with 60 users to 50 UAVs with 5,000 users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FleetSize:
    """Describes UAVs that serve users with full buffers around hotspots, rates averaged over fading."""

    uavs: int
    users: int
    batches: tuple[int, ...]
    allocator: str = "static_grid"
    rate: str = "steps_per_s"
    words: tuple[str, str] = ("step", "link_step")
    fast: None = None

    @property
    def parts(self) -> int:
        """Counts the links of UAVs and users."""
        return self.uavs * self.users

    def sizes(self) -> dict[str, int]:
        """Counts UAVs and users."""
        return {"uavs": self.uavs, "users": self.users}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the rate of the steps of all links."""
        return {"link_steps_per_s": round(rate * self.parts, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping; the density of UAVs is that of 4 on a square kilometre."""
        side_m = 1000.0 * (self.uavs / 4) ** 0.5
        return {
            "name": "bench",
            "family": "uav",
            "drops": drops,
            "duration_s": 10.0,
            "window_s": 10.0,
            "allocators": [allocator],
            "area": {"x_m": side_m, "y_m": side_m},
            "uavs": {"count": self.uavs, "battery_j": 1e12},
            "users": [
                {"name": "users", "count": self.users, "placement": "hotspots", "hotspots": max(1, self.users // 20)}
            ],
        }


WORKLOADS: dict[str, FleetSize] = {
    "uav": FleetSize(4, 60, (1, 64, 256)),
    "uav-10x500": FleetSize(10, 500, (1, 16)),
    "uav-50x5000": FleetSize(50, 5000, (1, 2)),
}
"""At one density of UAVs."""
