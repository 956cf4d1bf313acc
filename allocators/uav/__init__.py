"""Decides in every interval how UAVs fly, and where an allocator says so, which users they serve and how.

| module | decides |
|---|---|
| ``static_grid`` | UAVs hover at points that are evenly spread |
| ``random_walk`` | UAVs fly in random directions |

``steering`` computes velocities towards points, ``contract`` has the checks.
"""

from __future__ import annotations

ALLOCATORS = {
    "static_grid": "allocators.uav.static_grid:StaticGrid",
    "random_walk": "allocators.uav.random_walk:RandomWalk",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.uav.contract:CHECK"
