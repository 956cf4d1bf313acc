"""Decides before every interval how many PRBs each UE has, from the zones of tolerance that it is told.

- ``desired_rate``: the desired rate for each UE; where they do not fit, all are cut alike.
- ``proportional_fair``: equal PRBs, which maximise the sum of log rates.
- ``max_min``: equal rates.
- ``needed_quality``: for each UE the least PRBs for the target satisfaction.
- ``pareto``: greatest mean satisfaction of a number of PRBs, exact, targets first.
- ``random_share``: at random, to learn from.

``cell`` holds the UEs of one cell, ``front`` computes exact Pareto fronts, ``nsga2`` has a rival of it from pymoo.
"""

from __future__ import annotations

ALLOCATORS = {
    "desired_rate": "allocators.personalized.desired_rate:DesiredRate",
    "proportional_fair": "allocators.personalized.proportional_fair:ProportionalFair",
    "max_min": "allocators.personalized.max_min:MaxMin",
    "needed_quality": "allocators.personalized.needed_quality:NeededQuality",
    "pareto": "allocators.personalized.pareto:Pareto",
    "random_share": "allocators.personalized.random_share:RandomShare",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.personalized.contract:CHECK"
"""Where the contract check of this family is."""
