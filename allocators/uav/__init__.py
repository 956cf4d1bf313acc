"""Decides in every interval how UAVs fly, and where an allocator says so, which users they serve and how.

| module | decides |
|---|---|
| ``static_grid`` | UAVs hover at points that are evenly spread |
| ``circle_packing`` | UAVs hover over the middles of equal circles, packed densely |
| ``random_walk`` | UAVs fly in random directions |
| ``circular_sweep`` | UAVs follow each other on a circle |
| ``kmeans_placement``, ``capacitated_kmeans`` | UAVs hover over clusters of users; of bounded size |
| ``smallest_circle`` | UAVs hover over the centres of the smallest circles around users |
| ``greedy_demand`` | UAVs fly to the largest unmet demand |
| ``fly_hover_fly`` | UAVs fly from stop to stop and hover at each |
| ``lloyd_pf`` | UAVs fly to the centroids of their users; fair association and shares |
| ``alternating`` | trajectory and association in turns, by successive convex approximation |
| ``flight_bound`` | nothing: bounds what one UAV can deliver from above |

``steering`` computes velocities towards points, ``placement`` what several of them need; ``contract`` has the checks.
"""

from __future__ import annotations

ALLOCATORS = {
    "static_grid": "allocators.uav.static_grid:StaticGrid",
    "circle_packing": "allocators.uav.circle_packing:CirclePacking",
    "random_walk": "allocators.uav.random_walk:RandomWalk",
    "circular_sweep": "allocators.uav.circular_sweep:CircularSweep",
    "kmeans_placement": "allocators.uav.kmeans_placement:KMeansPlacement",
    "capacitated_kmeans": "allocators.uav.capacitated_kmeans:CapacitatedKMeans",
    "smallest_circle": "allocators.uav.smallest_circle:SmallestCircle",
    "greedy_demand": "allocators.uav.greedy_demand:GreedyDemand",
    "fly_hover_fly": "allocators.uav.fly_hover_fly:FlyHoverFly",
    "lloyd_pf": "allocators.uav.lloyd_pf:LloydPf",
    "alternating": "allocators.uav.alternating:Alternating",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.uav.contract:CHECK"
