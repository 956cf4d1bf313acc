"""Decides in every slot which UE holds each PRB of each cell.

- ``round_robin``: equal air time, user after user.
- ``proportional_fair``: rate over average rate, PRB by PRB.
- ``max_rate``: the greatest rate, PRB by PRB; the bound of throughput and the worst in fairness.
- ``water_filling``: max-min fair numbers of PRBs, as far as each user needs them.
- ``earliest_deadline``: the least time left first.
- ``mu_proportional_fair``: proportional fair, with further UEs on a PRB where a precoder can separate them.
- ``m_lwdf``: proportional fair weighted with the age of the oldest byte over its delay budget.

Each turns what it sees into a metric; ``assign`` turns the metric into a decision. Where buffers are always full,
``in_place`` decides many slots of ``proportional_fair`` in one loop with the engine.
"""

from __future__ import annotations

ALLOCATORS = {
    "round_robin": "allocators.scheduling.round_robin:RoundRobin",
    "proportional_fair": "allocators.scheduling.proportional_fair:ProportionalFair",
    "max_rate": "allocators.scheduling.max_rate:MaxRate",
    "water_filling": "allocators.scheduling.water_filling:WaterFilling",
    "earliest_deadline": "allocators.scheduling.earliest_deadline:EarliestDeadline",
    "mu_proportional_fair": "allocators.scheduling.mu_proportional_fair:MultiUserProportionalFair",
    "m_lwdf": "allocators.scheduling.m_lwdf:ModifiedLargestWeightedDelayFirst",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.scheduling.contract:CHECK"
