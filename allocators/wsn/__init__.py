"""Decides in every round which nodes are cluster heads, and where each node sends its packets.

| module | decides |
|---|---|
| ``direct`` | nothing: every node sends to the sink |
| ``mte`` | the way of least transmission energy, hop by hop |
| ``leach``, ``sep``, ``deec`` | heads by turns, at random; weighted by initial or remaining energy |
| ``leach_c``, ``kmeans`` | heads by positions and energies that the sink knows |
| ``heed`` | heads by energy and cost of communication |
| ``pegasis`` | a chain through all nodes |
| ``game_learning`` | heads by a volunteer's dilemma, learned |
| ``lifetime_bound`` | nothing: bounds the first death from above |

``clustering``, ``q_table`` and ``volunteers_dilemma`` compute what several of them need; ``contract`` has their checks.
"""

from __future__ import annotations

ALLOCATORS = {
    "direct": "allocators.wsn.direct:Direct",
    "leach": "allocators.wsn.leach:Leach",
    "sep": "allocators.wsn.sep:Sep",
    "leach_c": "allocators.wsn.leach_c:LeachC",
    "deec": "allocators.wsn.deec:Deec",
    "heed": "allocators.wsn.heed:Heed",
    "pegasis": "allocators.wsn.pegasis:Pegasis",
    "mte": "allocators.wsn.mte:MinimumTransmissionEnergy",
    "kmeans": "allocators.wsn.kmeans:KMeans",
    "game_learning": "allocators.wsn.game_learning:GameLearning",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.wsn.contract:CHECK"
